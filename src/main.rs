//! Parses the arguments, calls `cli`, and returns its exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    gehoord::cli::run(gehoord::cli::Arguments::parse())
}
