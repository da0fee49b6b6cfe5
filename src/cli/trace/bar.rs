//! Where in a run something was, as a bar: its whole time from left to right.

use owo_colors::OwoColorize;

use super::super::figures::span;
use super::entry::{Entry, What};

/// A stretch of time, in milliseconds after the run was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bar {
    /// From here on the run waited.
    from: u64,
    /// From here on something was done.
    at: u64,
    /// Here it was over.
    pub(super) to: u64,
    work: char,
}

impl Bar {
    /// A call, and the wait for it.
    pub(super) fn work(from: u64, at: u64, to: u64) -> Self {
        Self { from, at, to, work: '█' }
    }

    /// The platform is at work on a job.
    pub(super) fn job(at: u64, to: u64) -> Self {
        Self { from: at, at, to, work: '▒' }
    }

    /// Nothing was recorded.
    pub(super) fn gap(at: u64, to: u64) -> Self {
        Self { from: at, at, to, work: '╌' }
    }
}

/// The run's time on so many cells.
pub(super) struct Scale {
    total: u64,
}

impl Scale {
    const CELLS: usize = 20;
    /// A bar with its borders and a blank.
    pub(super) const COLUMNS: usize = Self::CELLS + 3;

    pub(super) fn of(entries: &[Entry]) -> Self {
        let ends = entries.iter().filter_map(|entry| {
            let took = match &entry.what {
                What::Call(call) => call.took_ms.unwrap_or(0),
                _ => 0,
            };
            Some(entry.offset_ms? + took)
        });
        Self { total: ends.max().unwrap_or(0).max(1) }
    }

    /// What the two ends of the bars are.
    pub(super) fn heading(&self) -> String {
        let end = span(self.total);
        format!(" 0{end:>0$}", Self::CELLS - 1)
    }

    pub(super) fn draw(&self, bar: Option<&Bar>) -> String {
        let mut cells = [' '; Self::CELLS];
        if let Some(bar) = bar {
            let (from, at, to) = (self.cell(bar.from), self.cell(bar.at), self.cell(bar.to));
            cells[from.min(at)..at].fill('░');
            cells[at..=to.max(at)].fill(bar.work);
        }
        let cells: String = cells.iter().collect();
        format!("{}{}{} ", "▏".dimmed(), cells.cyan(), "▏".dimmed())
    }

    fn cell(&self, ms: u64) -> usize {
        let cell = u128::from(ms) * Self::CELLS as u128 / u128::from(self.total);
        usize::try_from(cell).unwrap_or(usize::MAX).min(Self::CELLS - 1)
    }
}
