//! Definitions and expressions as nobody should write them: mutations of a committed corpus, and what a grammar makes up. None of them
//! may panic, overflow a stack, take long or take much memory. `make test` goes on for seconds, `make proof` for ten minutes
//! (`CXCHAIN_PROOF`), with chances of `CXCHAIN_PROOF_SEED`. In a process of its own, since it is the process's memory that is looked at.
//!
//! An input that fails is written to `tests/fuzz/corpus/found`, where every later round begins; of one that ends the process at once,
//! by a stack that overflows, a copy is left in `target/tmp/fuzz-current`.

#[path = "../support/mod.rs"]
mod support;

mod corpus;
mod feed;
mod grammar;
mod ground;
mod mutation;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use corpus::Input;
use ground::Ground;
use rand::Rng as _;
use rand::rngs::StdRng;
use support::proof;

/// What a worker's thread has.
const STACK: usize = 2 * 1024 * 1024;
/// The most time of a processor that one input may take, in a build without optimisation: all that a worker does with it, which is
/// up to twenty evaluations.
const LONGEST: Duration = Duration::from_secs(10);
/// The most memory that the process may ever use: the answers that are fed take a quarter of it.
const MOST_MEMORY: usize = 512 * 1024 * 1024;

#[derive(Default)]
struct Figures {
    inputs: u64,
    accepted: u64,
    slowest: Duration,
    /// How the slowest begins.
    slowest_is: String,
}

#[test]
fn nothing_that_is_fed_panics_hangs_or_takes_much_memory() {
    let time = proof::as_long_as(Duration::from_secs(8), Duration::from_secs(600));
    let seed = proof::seeds(1).next().expect("a seed");
    let started = Instant::now();
    let fuzz =
        std::thread::Builder::new().stack_size(STACK).spawn(move || fuzz(started + time, &mut proof::dice(seed)));
    let figures = fuzz.expect("a thread").join().expect("the fuzzing itself goes well");
    let memory = peak_memory();
    println!(
        "seed {seed}: {} inputs in {:.0?}, {} of them definitions; peak memory {} MiB; slowest {:.2?}: {}",
        figures.inputs,
        started.elapsed(),
        figures.accepted,
        memory >> 20,
        figures.slowest,
        figures.slowest_is
    );
    assert!(figures.inputs > 100, "{} inputs", figures.inputs);
    assert!(figures.accepted * 20 > figures.inputs, "too few definitions: {} of {}", figures.accepted, figures.inputs);
    assert!(memory < MOST_MEMORY, "{memory} bytes of memory");
}

fn fuzz(end: Instant, dice: &mut StdRng) -> Figures {
    let corpus = corpus::read();
    let ground = Ground::new();
    let mut figures = Figures::default();
    let clock = Watch::start();
    for input in &corpus {
        run(input, &ground, dice, &mut figures, &clock);
    }
    while Instant::now() < end {
        let input = match dice.random_range(0..4) {
            0 => Input::Definition(grammar::definition(dice).into_bytes()),
            1 => Input::Expression(grammar::expression(dice)),
            _ => mutation::of(&corpus[dice.random_range(0..corpus.len())], &corpus, dice),
        };
        run(&input, &ground, dice, &mut figures, &clock);
    }
    figures
}

fn run(input: &Input, ground: &Ground, dice: &mut StdRng, figures: &mut Figures, watch: &Watch) {
    corpus::current(input);
    watch.begin();
    let started = cpu_time();
    let fed = catch_unwind(AssertUnwindSafe(|| feed::feed(input, ground, dice)));
    let took = cpu_time().saturating_sub(started);
    watch.end();
    figures.inputs += 1;
    if took > figures.slowest {
        figures.slowest = took;
        figures.slowest_is = String::from_utf8_lossy(input.bytes()).escape_debug().take(300).collect();
    }
    match fed {
        Ok(accepted) => figures.accepted += u64::from(accepted),
        Err(_) => panic!("it panicked at {}", corpus::save(input).display()),
    }
    assert!(took < LONGEST, "{} took {took:?}", corpus::save(input).display());
}

/// Ends the process when an input goes on for ever, which nothing else could.
struct Watch {
    /// Milliseconds since `epoch` at which the input began; 0 between two.
    begun: &'static AtomicU64,
    epoch: Instant,
}

impl Watch {
    fn start() -> Self {
        static BEGUN: AtomicU64 = AtomicU64::new(0);
        let epoch = Instant::now();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let begun = BEGUN.load(Ordering::Relaxed);
                if begun > 0 && epoch.elapsed() > Duration::from_millis(begun) + 12 * LONGEST {
                    eprintln!("an input goes on for ever: it is in {}", corpus::current_path().display());
                    std::process::abort();
                }
            }
        });
        Self { begun: &BEGUN, epoch }
    }

    fn begin(&self) {
        let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.begun.store(now.max(1), Ordering::Relaxed);
    }

    fn end(&self) {
        self.begun.store(0, Ordering::Relaxed);
    }
}

/// What this thread has worked: the machine is shared.
fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(now).expect("time since the thread began")
}

/// The most memory that this process ever used, in bytes.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("a figure");
    line.split_whitespace().nth(1).expect("a number").parse::<usize>().expect("a number") * 1024
}
