//! How often a run was taken up again without getting any further: what ends one that kills whoever touches it.

/// So many resumes in a row without progress end a run.
const MOST: u32 = 5;

/// The resumes of a run, as its log tells them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Resumes {
    in_a_row: u32,
    /// The worker before gave the run back of its own accord.
    handed_back: bool,
    /// How many steps had an outcome when it was one resume too many.
    looped_at: Option<usize>,
}

impl Resumes {
    /// Somebody took the run up again, when so many steps had an outcome. Whoever gave it back has not died of it.
    pub(super) fn resumed(&mut self, steps: usize) {
        if std::mem::take(&mut self.handed_back) {
            return;
        }
        self.in_a_row += 1;
        if self.in_a_row >= MOST {
            self.looped_at.get_or_insert(steps);
        }
    }

    pub(super) fn handed_back(&mut self) {
        self.handed_back = true;
    }

    /// Something came of it.
    pub(super) fn progress(&mut self) {
        self.in_a_row = 0;
    }

    /// Nothing came of the last ones yet.
    pub(super) fn in_vain(&self) -> bool {
        self.in_a_row > 0
    }

    pub(super) fn looped_at(&self) -> Option<usize> {
        self.looped_at
    }
}
