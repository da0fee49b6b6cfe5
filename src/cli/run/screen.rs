//! What a run publishes, shown instead of sent: its events as lines, its result kept. On a terminal the line at the bottom moves
//! while a step is at work.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use owo_colors::OwoColorize;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::super::live;
use super::super::text::plain;
use crate::app::{Obstacle, Watch};
use crate::chain::log::{Event, EventBody};
use crate::chain::stamp::millis;
use crate::chain::{Chain, RunId, Step, TenantName, Work};
use crate::ports::{BoxFuture, Destination, Outbox, Outgoing, Stopped};

/// How often the moving line moves, and an obstacle is looked for.
const TICK: Duration = Duration::from_millis(100);
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// To the line's beginning, and away with it.
const CLEAR: &str = "\r\u{1b}[2K";
/// A line that is too long is cut off by the terminal, for one that goes on in the next cannot be cleared.
const NO_WRAP: &str = "\u{1b}[?7l";
const WRAP: &str = "\u{1b}[?7h";

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// Nothing but the result.
    Nothing,
    /// A line for everything that has happened.
    Lines,
    /// And one that moves.
    Live,
}

impl Shows {
    /// What `stream` is good for: a line moves only on a terminal that wants colours, too.
    pub(super) fn at(stream: &impl anstream::stream::RawStream) -> Self {
        let plain = anstream::AutoStream::choice(stream) == anstream::ColorChoice::Never;
        if stream.is_terminal() && !plain { Self::Live } else { Self::Lines }
    }
}

/// Where one run's messages go.
pub(super) struct Screen {
    shows: Shows,
    calls: Vec<(String, String)>,
    state: Mutex<State>,
}

struct State {
    /// The last event that was shown.
    seen: u64,
    /// The step at work, if there is one.
    at: Option<usize>,
    since: Instant,
    ticks: usize,
    obstacle: Option<Obstacle>,
    stopping: bool,
    events: Option<File>,
    lost_events: Option<io::Error>,
    result: Option<Bytes>,
}

impl Screen {
    pub(super) fn new(chain: &Chain, shows: Shows, events: Option<File>) -> Self {
        let state = State {
            seen: 0,
            at: None,
            since: Instant::now(),
            ticks: 0,
            obstacle: None,
            stopping: false,
            events,
            lost_events: None,
            result: None,
        };
        Self { shows, calls: calls(&chain.steps, ""), state: Mutex::new(state) }
    }

    /// What is about to be run.
    pub(super) fn begin(&self, chain: &Chain, run_id: &RunId) {
        self.say(&format!("Run {} of {} for tenant {}", run_id.bold(), chain.chain_id.bold(), chain.tenant));
    }

    /// Moves the moving line, and tells what the run waits for, for as long as it is polled.
    pub(super) async fn keep_moving(&self, watch: Watch, tenant: &TenantName, stop: CancellationToken) -> Infallible {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tick.tick().await;
            self.move_on(watch.obstacle(tenant), stop.is_cancelled());
        }
    }

    /// The result, once it is there.
    pub(super) fn result(&self) -> Option<Bytes> {
        self.state().result.clone()
    }

    /// Why events could not be written, if they could not.
    pub(super) fn lost_events(&self) -> Option<io::Error> {
        self.state().lost_events.take()
    }

    fn move_on(&self, obstacle: Option<Obstacle>, stopping: bool) {
        let mut state = self.state();
        if stopping && !state.stopping {
            state.stopping = true;
            self.say("  ■ stopping: a call on its way is waited for (once more: not even that)");
        }
        // A pause is told where it began, by the event of its 429.
        if let Some(Obstacle::Token(why)) = &obstacle
            && !matches!(&state.obstacle, Some(Obstacle::Token(before)) if before == why)
            && self.shows == Shows::Lines
        {
            self.say(&format!("  {} no token yet: {}", "…".yellow(), plain(why)));
        }
        state.obstacle = obstacle;
        state.ticks += 1;
        if let Some(line) = self.moving_line(&state) {
            self.write(&format!("{CLEAR}{NO_WRAP}{line}{WRAP}"));
        }
    }

    fn moving_line(&self, state: &State) -> Option<String> {
        let (_, action) = self.calls.get(state.at.filter(|_| self.shows == Shows::Live)?)?;
        let spinner = SPINNER[state.ticks % SPINNER.len()];
        let took = live::duration(millis(state.since.elapsed()));
        let waits = match &state.obstacle {
            Some(Obstacle::Token(why)) => format!("  no token yet: {}", plain(why)),
            Some(Obstacle::Pause(left)) => format!("  paused for {}", live::duration(millis(*left))),
            None => String::new(),
        };
        Some(format!("  {} {action:<34}      {}{}", spinner.cyan(), took.dimmed(), waits.yellow()))
    }

    fn take(&self, message: &Outgoing) {
        let mut state = self.state();
        match message.to {
            Destination::Results { .. } => {
                state.at = None;
                state.result = Some(message.body.clone());
                if self.shows == Shows::Live {
                    self.write(CLEAR);
                }
            }
            Destination::Audit { .. } => self.event(&mut state, &message.body),
            // A chain from a file names nobody who waits for a reply.
            Destination::Reply { .. } => {}
        }
    }

    fn event(&self, state: &mut State, body: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Event>(body) else { return };
        // One that was stopped is taken up again, and its events with it.
        if event.seq <= state.seen {
            return;
        }
        state.seen = event.seq;
        let written = state.events.as_mut().map(|file| file.write_all(body).and_then(|()| file.write_all(b"\n")));
        if let Some(Err(why)) = written {
            state.lost_events = Some(why);
        }
        match &event.body {
            EventBody::RunAccepted(_) => state.at = Some(0),
            EventBody::StepFinished(step) => state.at = self.after(&step.step_id),
            EventBody::RunFinished(_) => state.at = None,
            EventBody::StepRetried(_) | EventBody::RunResumed(_) | EventBody::RunRejected(_) => {}
        }
        if !matches!(event.body, EventBody::StepRetried(_)) {
            state.since = Instant::now();
        }
        if let Some(line) = live::event_line(&event) {
            self.say(&line);
        }
    }

    /// The call that comes after this step: the first that is neither in it nor before it.
    fn after(&self, step_id: &str) -> Option<usize> {
        let within = |id: &str| id == step_id || id.strip_prefix(step_id).is_some_and(|rest| rest.starts_with('.'));
        self.calls.iter().rposition(|(id, _)| within(id)).map(|last| last + 1)
    }

    /// One line for good.
    fn say(&self, line: &str) {
        match self.shows {
            Shows::Nothing => {}
            Shows::Lines => self.write(&format!("{line}\n")),
            Shows::Live => self.write(&format!("{CLEAR}{line}\n")),
        }
    }

    /// Whoever watches may have gone away; that is no reason to stop.
    fn write(&self, text: &str) {
        let mut stderr = anstream::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox for Screen {
    fn publish(&self, message: Outgoing) -> BoxFuture<'_, Result<(), Stopped>> {
        self.take(&message);
        Box::pin(std::future::ready(Ok(())))
    }

    fn try_publish(&self, message: Outgoing) -> BoxFuture<'_, ()> {
        self.take(&message);
        Box::pin(std::future::ready(()))
    }

    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The calls of the steps, nested ones in the place of their chain: the step's id, and the action.
fn calls(steps: &[Step], above: &str) -> Vec<(String, String)> {
    let each = |step: &Step| {
        let id = format!("{above}{}", step.id);
        match &step.work {
            Work::Call(call) => vec![(id, call.action.to_string())],
            Work::Chain(nested) => calls(&nested.steps, &format!("{id}.")),
        }
    };
    steps.iter().flat_map(each).collect()
}
