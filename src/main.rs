//! The command: everything is in the library.

use std::process::ExitCode;

/// A tenth of the server's time went into the system's allocator (docs/decisions/0007).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    numbercloak::cli::run()
}
