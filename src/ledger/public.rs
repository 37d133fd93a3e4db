//! What everybody may fetch of the log: checkpoints and the tiles of the tree, from which anybody makes
//! proofs of inclusion and consistency. Hashes only: a record's bytes are not public.

use crate::ledger::tile_path::TilePath;
use crate::ledger::{Ledger, LedgerError};
use crate::store::{checkpoints, log};

impl Ledger {
    /// The hashes of a tile of one log; none if there is no such tile, or not yet.
    ///
    /// # Errors
    /// The database.
    pub async fn tile(&self, name: &str, tile: TilePath) -> Result<Option<Vec<u8>>, LedgerError> {
        let (Ok(level), Ok(index)) = (i16::try_from(tile.id.level), i64::try_from(tile.id.index))
        else {
            return Ok(None);
        };
        let Some(origin) = self.origin(name) else {
            return Ok(None);
        };
        let hashes = log::tile(self.db.relaxed(), &origin, level, index).await?;
        let bytes = usize::try_from(tile.width * 32).unwrap_or(usize::MAX);
        // A tile only grows: what was a narrower one is its beginning for ever.
        Ok(hashes.and_then(|hashes| hashes.get(..bytes).map(<[u8]>::to_vec)))
    }

    /// The last checkpoint of one log, also of one that ended.
    ///
    /// # Errors
    /// The database.
    pub async fn checkpoint_of(&self, name: &str) -> Result<Option<String>, LedgerError> {
        let Some(origin) = self.origin(name) else {
            return Ok(None);
        };
        if let Some(current) = self.published()
            && current.lines().next() == Some(&origin)
        {
            return Ok(Some(current.as_str().to_owned()));
        }
        Ok(checkpoints::latest_of(self.db.relaxed(), &origin).await?)
    }

    /// The log of this name, if it can be one.
    fn origin(&self, name: &str) -> Option<String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        name.bytes()
            .all(plain)
            .then(|| format!("{}/log/{name}", self.base))
    }
}
