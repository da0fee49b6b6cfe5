//! Which fault a call meets. A target's faults come one after the other: the first that is not used up is met.

use std::collections::{BTreeMap, HashMap};

use super::fault::{Behaviour, Fault, FaultRule, Per, Target};

#[derive(Default)]
pub(super) struct FaultPlan {
    targets: BTreeMap<Target, Vec<Planned>>,
}

struct Planned {
    fault: Fault,
    /// How many calls have met it, by action and, if it counts so, run.
    met: HashMap<(Target, Option<String>), u32>,
}

impl FaultPlan {
    pub(super) fn new(rules: impl IntoIterator<Item = FaultRule>) -> Self {
        let mut plan = Self::default();
        for rule in rules {
            plan.add(rule);
        }
        plan
    }

    pub(super) fn add(&mut self, FaultRule { target, fault }: FaultRule) {
        self.targets.entry(target).or_default().push(Planned { fault, met: HashMap::new() });
    }

    /// In place of all that was planned for the target.
    pub(super) fn set(&mut self, rule: FaultRule) {
        self.targets.remove(&rule.target);
        self.add(rule);
    }

    pub(super) fn clear(&mut self) {
        self.targets.clear();
    }

    /// Every fault is as if nobody had met it yet.
    pub(super) fn rewind(&mut self) {
        for planned in self.targets.values_mut().flatten() {
            planned.met.clear();
        }
    }

    pub(super) fn rules(&self) -> impl Iterator<Item = FaultRule> {
        self.targets.iter().flat_map(|(target, planned)| {
            planned.iter().map(|planned| FaultRule { target: target.clone(), fault: planned.fault.clone() })
        })
    }

    /// The fault that a call for `whom` (an action, its polls, the token endpoint or a discovery document) meets, noted as met.
    pub(super) fn meet(&mut self, whom: &Target, run: Option<&str>) -> Option<Fault> {
        let target = self.target_of(whom).clone();
        self.targets.get_mut(&target)?.iter_mut().find_map(|planned| planned.meet(whom, run))
    }

    /// Whether calls for `whom` that met a hang go without an answer still.
    pub(super) fn hangs(&self, whom: &Target) -> bool {
        let planned = self.targets.get(self.target_of(whom));
        planned.is_some_and(|planned| planned.iter().any(|planned| planned.fault.behaviour == Behaviour::Hang))
    }

    /// Whose faults a call for `whom` meets.
    fn target_of<'a>(&self, whom: &'a Target) -> &'a Target {
        match whom {
            own if self.targets.contains_key(own) => own,
            Target::Action(_) => &Target::Every,
            Target::Poll(_) => &Target::EveryPoll,
            Target::Every | Target::EveryPoll | Target::Token | Target::Discovery => whom,
        }
    }
}

impl Planned {
    fn meet(&mut self, whom: &Target, run: Option<&str>) -> Option<Fault> {
        if let Some(times) = self.fault.times {
            let run = (self.fault.per == Per::Run).then(|| run.map(str::to_owned)).flatten();
            let met = self.met.entry((whom.clone(), run)).or_default();
            if *met >= times {
                return None;
            }
            *met += 1;
        }
        Some(self.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rules: &[&str]) -> FaultPlan {
        FaultPlan::new(rules.iter().map(|rule| rule.parse().unwrap()))
    }

    fn meet(plan: &mut FaultPlan, target: &str, run: &str) -> String {
        plan.meet(&target.parse().unwrap(), Some(run)).map_or("-".to_owned(), |fault| fault.to_string())
    }

    #[test]
    fn faults_of_a_target_come_one_after_the_other_and_then_all_is_well() {
        let mut plan = plan(&["da-x=status:503,times:2", "da-x=hang,times:1"]);
        let met: Vec<_> = (0..5).map(|_| meet(&mut plan, "da-x", "r")).collect();
        assert_eq!(met, ["status:503,times:2", "status:503,times:2", "hang,times:1", "-", "-"]);
        plan.rewind();
        assert_eq!(meet(&mut plan, "da-x", "r"), "status:503,times:2");
    }

    #[test]
    fn every_action_counts_for_itself_and_runs_do_when_asked() {
        let mut plan = plan(&["*=text,times:1", "da-x=hang,times:1,per:run"]);
        let calls =
            [("da-y", "1"), ("da-y", "2"), ("da-z", "1"), ("da-x", "1"), ("da-x", "1"), ("da-x", "2"), ("@token", "1")];
        let met = calls.map(|(target, run)| meet(&mut plan, target, run));
        assert_eq!(
            met,
            ["text,times:1", "-", "text,times:1", "hang,times:1,per:run", "-", "hang,times:1,per:run", "-"]
        );
    }

    #[test]
    fn polls_have_faults_of_their_own() {
        let mut plan = plan(&["da-x=hang", "*=text", "@poll=empty,times:1", "da-x@poll=status:503,times:1"]);
        let met = ["da-x@poll", "da-x@poll", "da-y@poll", "da-y@poll", "da-z@poll", "da-x", "da-y"]
            .map(|target| meet(&mut plan, target, "r"));
        assert_eq!(met, ["status:503,times:1", "-", "empty,times:1", "-", "empty,times:1", "hang", "text"]);
    }

    #[test]
    fn calls_hang_as_long_as_their_fault_is_there_used_up_or_not() {
        let mut plan = plan(&["da-x=hang,times:1", "*=text", "@poll=hang"]);
        let hanging = |plan: &FaultPlan| ["da-x", "da-y", "da-x@poll"].map(|whom| plan.hangs(&whom.parse().unwrap()));
        assert_eq!(hanging(&plan), [true, false, true]);
        meet(&mut plan, "da-x", "r");
        assert_eq!(hanging(&plan), [true, false, true]);
        plan.set("da-x=slow:1s".parse().unwrap());
        assert_eq!(hanging(&plan), [false, false, true]);
    }

    #[test]
    fn setting_replaces_and_clearing_removes() {
        let mut plan = plan(&["da-x=hang", "@token=text"]);
        plan.set("da-x=empty".parse().unwrap());
        assert_eq!(plan.rules().map(|r| r.to_string()).collect::<Vec<_>>(), ["da-x=empty", "@token=text"]);
        plan.clear();
        assert_eq!(meet(&mut plan, "da-x", "r"), "-");
    }
}
