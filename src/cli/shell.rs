//! `completions` and `man`: the command line for shells and readers.

use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;
use serde_json::json;

use crate::cli::failure::{Failure, OK};
use crate::cli::office::Globals;
use crate::cli::output::{print, print_json};

const NAME: &str = "numbercloak";

/// Prints a shell's completions.
pub fn completions(shell: Shell, mut command: Command) -> u8 {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, NAME, &mut text);
    print(&String::from_utf8_lossy(&text));
    OK
}

/// Writes a manual page for every command into a folder.
pub fn man(globals: &Globals, folder: &PathBuf, command: Command) -> Result<u8, Failure> {
    let failed = |error: std::io::Error| {
        let fix = "Name a folder that this user may write to.";
        Failure::usage(
            format!("{} cannot be written ({error})", folder.display()),
            fix,
        )
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(command, folder).map_err(failed)?;
    let pages = std::fs::read_dir(folder).map_err(failed)?.count();
    if globals.json {
        print_json(&json!({ "folder": folder.display().to_string(), "pages": pages }));
    } else {
        print(&format!("{pages} pages in {}", folder.display()));
    }
    Ok(OK)
}
