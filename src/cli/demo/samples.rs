//! The chains that the demo runs, and what the simulator does to them.

use crate::simulator::FaultRule;

/// One chain of the demo.
pub(super) struct Sample {
    /// What it shows.
    pub(super) title: &'static str,
    /// Where it lies in the repository.
    pub(super) file: &'static str,
    /// The definition.
    pub(super) body: &'static str,
    /// The final status that it has to end with.
    pub(super) ends: &'static str,
    /// The id of the step whose job is under way when the worker is killed.
    pub(super) killed_in: Option<&'static str>,
}

macro_rules! sample {
    ($title:expr, $file:literal, $ends:literal) => {
        Sample {
            title: $title,
            file: $file,
            body: include_str!(concat!("../../../", $file)),
            ends: $ends,
            killed_in: None,
        }
    };
}

const KILLED: &str = "The worker is killed in the middle of a job, and the next one goes on";

pub(super) const SAMPLES: [Sample; 7] = [
    sample!("Three steps, one after the other", "examples/customer-sync.json", "completed"),
    sample!("A step fails, and the chain goes on", "examples/address-check.json", "completed"),
    sample!("The tenant is throttled, and the step waits", "examples/order-export.json", "completed"),
    sample!("A step is a job, and is polled until it is over", "examples/usage-report.json", "completed"),
    sample!("A step fails, and the chain ends there", "examples/credit-hold.json", "terminated_early"),
    sample!(
        "Data goes from step to step; one is skipped, two fall back, one is a chain",
        "examples/customer-visit.json",
        "completed"
    ),
    Sample { killed_in: Some("invoices"), ..sample!(KILLED, "examples/invoice-run.json", "completed") },
];

const FAULTS: [&str; 7] = [
    "da-validate-address=status:422,body:zip is no ZIP code",
    "da-export-orders=status:429,retry-after:2,times:1",
    "da-build-usage-report=job-runs-for:1s",
    "da-place-hold=status:500,body:the ledger is closed",
    "da-find-slot=status:500,body:no calendar",
    "da-send-message=status:403,body:no message for you",
    // Long enough that it is not over when the next worker is there.
    "da-write-invoices=job-runs-for:2500ms",
];

pub(super) fn faults() -> Vec<FaultRule> {
    FAULTS.iter().filter_map(|rule| rule.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::check::Catalogue;
    use crate::cli::check::judge;

    #[test]
    fn every_fault_is_one() {
        assert_eq!(faults().len(), FAULTS.len());
    }

    #[test]
    fn every_sample_is_a_chain() {
        for sample in &SAMPLES {
            assert!(judge(sample.body.as_bytes(), &Catalogue::any()).is_ok(), "{}", sample.file);
        }
    }
}
