//! bench placeholder
use clap::Args;
/// x
#[derive(Debug, Args)]
pub struct BenchArguments {}
/// x
pub async fn run(_: BenchArguments) -> anyhow::Result<u8> {
    Ok(0)
}
