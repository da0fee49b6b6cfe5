//! The samples, one after the other, as a person watches them; in one of them the worker is killed.

use anstream::println;
use owo_colors::OwoColorize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::super::text::json_line;
use super::super::{Exit, live};
use super::crew::Crew;
use super::home::Home;
use super::lost;
use super::samples::{SAMPLES, Sample};
use crate::amqp::{Client, Feed};
use crate::app;
use crate::simulator::Simulator;

/// What is needed for it; everything is declared.
pub(super) struct Show<'a> {
    pub(super) home: &'a Home,
    pub(super) client: &'a Client,
    pub(super) simulator: &'a Simulator,
    /// Whether only results are printed.
    pub(super) json: bool,
}

impl Show<'_> {
    /// Runs the samples until `stop`; their results. No worker is left on return.
    pub(super) async fn run(&self, stop: &CancellationToken) -> Result<Vec<Value>, Exit> {
        let mut crew = Crew::start(self.home)?;
        let shown = tokio::select! {
            biased;
            () = stop.cancelled() => {
                // Not asked to stop: whoever has lost patience does not wait for a chain to end.
                crew.kill().await;
                return Ok(Vec::new());
            }
            shown = self.samples(&mut crew) => shown,
        };
        crew.stop().await;
        shown
    }

    async fn samples(&self, crew: &mut Crew) -> Result<Vec<Value>, Exit> {
        let names = app::names(&self.home.config);
        let feed = self.client.follow(&[(&names.audit, "#"), (&names.results, "#")]).await;
        let mut feed = feed.map_err(|why| lost(&why))?;
        let mut results = Vec::new();
        for (number, sample) in SAMPLES.iter().enumerate() {
            if !self.json {
                println!("\n{} {}  {}", format!("{}.", number + 1).bold(), sample.title.bold(), sample.file.dimmed());
            }
            let result = self.sample(sample, &mut feed, crew).await?;
            if self.json {
                println!("{}", json_line(&result));
            } else {
                println!("{}", live::result_lines(&result));
            }
            results.push(result);
        }
        Ok(results)
    }

    async fn sample(&self, sample: &Sample, feed: &mut Feed, crew: &mut Crew) -> Result<Value, Exit> {
        let run_id = uuid::Uuid::now_v7().to_string();
        let queue = &self.home.config.queues[0].name;
        self.client.enqueue(queue, &run_id, sample.body.as_bytes()).await.map_err(|why| lost(&why))?;
        let mut following = std::pin::pin!(live::follow(feed, &run_id, !self.json));
        if let Some(step) = sample.killed_in {
            tokio::select! {
                result = &mut following => return result.map_err(|why| lost(&why)),
                exit = crew.ended() => return Err(exit),
                _ = self.simulator.wait_until(|calls| calls.step(&run_id, step).polls.calls > 0) => {}
            }
            crew.kill().await;
            if !self.json {
                println!("  {} SIGKILL: the worker is gone, in the middle of the job", "✖".red());
            }
            crew.next(self.home)?;
        }
        tokio::select! {
            result = following => result.map_err(|why| lost(&why)),
            exit = crew.ended() => Err(exit),
        }
    }
}
