//! The functions of JMESPath: their names, and what they take.

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Any,
    Number,
    Text,
    Array,
    Object,
    /// A string or an array.
    Sequence,
    /// A string, an array or an object.
    Sized,
    Numbers,
    Texts,
    /// An array of numbers, or one of strings.
    Ordered,
    /// An expression, to be evaluated for every entry of an array.
    Reference,
}

impl Input {
    /// The kind in words, with its article.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
            Self::Sequence => "a string or an array",
            Self::Sized => "a string, an array or an object",
            Self::Numbers => "an array of numbers",
            Self::Texts => "an array of strings",
            Self::Ordered => "an array of numbers or one of strings",
            Self::Reference => "an expression reference",
        }
    }
}

macro_rules! functions {
    ($($variant:ident $name:literal $inputs:expr;)*) => {
        /// A function of JMESPath.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Function {
            $($variant,)*
        }

        const ALL: &[Function] = &[$(Function::$variant,)*];

        impl Function {
            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it takes, in order.
            pub(super) fn inputs(self) -> &'static [Input] {
                match self {
                    $(Self::$variant => &$inputs,)*
                }
            }
        }
    };
}

functions! {
    Abs "abs" [Input::Number];
    Avg "avg" [Input::Numbers];
    Ceil "ceil" [Input::Number];
    Contains "contains" [Input::Sequence, Input::Any];
    EndsWith "ends_with" [Input::Text, Input::Text];
    Floor "floor" [Input::Number];
    Join "join" [Input::Text, Input::Texts];
    Keys "keys" [Input::Object];
    Length "length" [Input::Sized];
    Map "map" [Input::Reference, Input::Array];
    Max "max" [Input::Ordered];
    MaxBy "max_by" [Input::Array, Input::Reference];
    Merge "merge" [Input::Object];
    Min "min" [Input::Ordered];
    MinBy "min_by" [Input::Array, Input::Reference];
    NotNull "not_null" [Input::Any];
    Reverse "reverse" [Input::Sequence];
    Sort "sort" [Input::Ordered];
    SortBy "sort_by" [Input::Array, Input::Reference];
    StartsWith "starts_with" [Input::Text, Input::Text];
    Sum "sum" [Input::Numbers];
    ToArray "to_array" [Input::Any];
    ToNumber "to_number" [Input::Any];
    ToString "to_string" [Input::Any];
    Type "type" [Input::Any];
    Values "values" [Input::Object];
}

/// The names of all functions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|function| function.name())
}

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|function| function.name() == name)
    }

    /// Whether it takes further arguments like its last one.
    pub(super) fn is_variadic(self) -> bool {
        matches!(self, Self::Merge | Self::NotNull)
    }

    /// Whether it takes `count` arguments.
    pub(super) fn takes(self, count: usize) -> bool {
        count == self.inputs().len() || self.is_variadic() && count > self.inputs().len()
    }

    /// What the argument at `index` must be.
    pub(super) fn input(self, index: usize) -> Input {
        self.inputs().get(index).or(self.inputs().last()).copied().unwrap_or(Input::Any)
    }
}
