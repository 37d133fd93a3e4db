//! A file that holds the last checkpoint.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::ledger::places::PlaceError;

/// The file.
#[derive(Clone, Debug)]
pub struct File(PathBuf);

impl File {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) async fn read(&self) -> Result<Option<String>, PlaceError> {
        match tokio::fs::read_to_string(&self.0).await {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whoever reads it finds the old one or the new one, also after a crash.
    pub(super) async fn keep(&self, note: &str) -> Result<(), PlaceError> {
        let (path, note) = (self.0.clone(), note.to_owned());
        let written = tokio::task::spawn_blocking(move || {
            let mut beside = path.clone().into_os_string();
            beside.push(".new");
            let mut file = std::fs::File::create(&beside)?;
            file.write_all(note.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)?;
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        });
        written.await.map_err(std::io::Error::other)??;
        Ok(())
    }
}
