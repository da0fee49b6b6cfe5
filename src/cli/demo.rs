//! demo
use super::Exit;
use crate::config::Config;
use clap::Args;
#[derive(Debug, Args)]
pub(super) struct DemoArgs {}
pub(super) async fn demo(_config: Config, _args: DemoArgs) -> Exit {
    Exit::Done
}
