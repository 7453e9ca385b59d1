//! Whether a proposal was tried before, nearly.

use super::Session;
use crate::recall;
use piton_core::run::next_start::OnSimilar;
use piton_core::trial::record::Record;
use piton_core::trial::similarity::Like;
use piton_core::trial::text;
use piton_system::git::{Id, Repo};
use piton_system::terminal::Tone;

impl Session<'_> {
    /// An earlier trial whose edit is nearly that of `record`; it is named. Where what is remembered cannot be used, nobody is.
    pub(super) fn find_similar(&self, work: &Repo, base: Id, record: &Record) -> Option<Like> {
        let commit = work.commit_id(record.commit.as_deref()?).ok()?;
        if self.book.config.search.like == OnSimilar::Allow {
            return None;
        }
        let found =
            recall::like((&self.book.ledger, work), &record.run, (base, commit), record.claimed.begun_as);
        let progress = &self.world.progress;
        match found {
            Ok(found) => {
                let said = found.as_ref().map(|like| text::like(like, &self.book.config.metric));
                said.iter().for_each(|said| progress.line(Tone::Neutral, &format!("         {said}")));
                found
            }
            Err(error) => {
                progress.line(Tone::Dim, &format!("         not compared with earlier trials: {error}"));
                None
            }
        }
    }
}
