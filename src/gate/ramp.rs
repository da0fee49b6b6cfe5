//! How a tenant comes back after a 429: one request at a time, then twice as many with each answer, until all are allowed.

/// A count of 429s. An answer widens the ramp only if its request was let through after the last of them: what was on its
/// way before says nothing about how the tenant is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Era(u64);

/// How many requests may be on their way at once.
#[derive(Debug)]
pub(super) struct Ramp {
    width: usize,
    full: usize,
    era: Era,
}

impl Ramp {
    /// All `full` are allowed; none is taken as one.
    pub(super) fn new(full: usize) -> Self {
        let full = full.max(1);
        Self { width: full, full, era: Era::default() }
    }

    /// How many are allowed now; at least 1.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// To be kept with each request that is let through, and shown with its answer.
    pub(super) fn era(&self) -> Era {
        self.era
    }

    /// A 429 came: back to one at a time.
    pub(super) fn restart(&mut self) {
        self.width = 1;
        self.era.0 += 1;
    }

    /// A request of `era` was answered.
    pub(super) fn answered(&mut self, era: Era) {
        if era == self.era {
            self.width = self.width.saturating_mul(2).min(self.full);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_doubles_the_width_until_it_is_full() {
        let mut ramp = Ramp::new(50);
        assert_eq!(ramp.width(), 50);
        ramp.restart();
        let mut widths = vec![ramp.width()];
        for _ in 0..7 {
            ramp.answered(ramp.era());
            widths.push(ramp.width());
        }
        assert_eq!(widths, [1, 2, 4, 8, 16, 32, 50, 50]);
    }

    #[test]
    fn answers_to_requests_from_before_the_last_429_widen_nothing() {
        let mut ramp = Ramp::new(8);
        let before = ramp.era();
        ramp.restart();
        ramp.answered(before);
        assert_eq!(ramp.width(), 1);
    }

    #[test]
    fn a_width_of_none_or_of_the_most_is_safe() {
        assert_eq!(Ramp::new(0).width(), 1);
        let mut ramp = Ramp::new(usize::MAX);
        ramp.restart();
        for _ in 0..100 {
            ramp.answered(ramp.era());
        }
        assert_eq!(ramp.width(), usize::MAX);
    }
}
