//! What those who have the page open are sent: parts of it, made once for all of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use serde_json::json;
use tokio::sync::watch;

use super::report;
use piton_climb::follow::{Change, FollowedRun, RunFollower};
use piton_core::report::html::{self, View};
use piton_core::trial::text::plain_json;
use piton_system::clock;

/// After so long a browser asks again where the answer broke off.
const AGAIN: Duration = Duration::from_secs(1);
/// Trials that a page may be behind before it is loaded again.
const BEHIND: u32 = 20;

/// The page at a moment, as far as it changes.
#[derive(Debug, Clone, Default)]
pub(super) struct PageFrame {
    /// The run.
    run: Option<String>,
    /// The strip.
    strip: Arc<str>,
    /// What stands above the table.
    top: Option<Arc<str>>,
    /// The trial that the first of the rows is of.
    first: u32,
    /// Rows of the trials since.
    rows: Arc<Vec<String>>,
}

impl PageFrame {
    /// The frame after this one. `fresh` where nobody has seen this one.
    pub fn next(&self, follower: &RunFollower, change: Change, fresh: bool) -> Self {
        let metric = follower.followed().map(|followed| &followed.config.metric);
        let strip = html::strip(follower.live(), metric, clock::unix()).into();
        let Some(followed) = follower.followed() else { return Self { strip, ..Self::default() } };
        let fresh = fresh || change == Change::Run;
        let mut next = if fresh {
            let last = followed.records.last().map_or(0, |record| record.trial);
            let first = (last + 1).saturating_sub(BEHIND);
            Self { run: Some(followed.run.name.clone()), strip, top: None, first, rows: Arc::default() }
        } else {
            Self { strip, ..self.clone() }
        };
        if fresh || change == Change::Trials {
            let seen = next.first + next.rows.len() as u32;
            let new: Vec<_> =
                followed.records.iter().filter(|record| record.trial >= seen).cloned().collect();
            let diffs = report::diffs(follower.repo(), &new);
            let view = of(followed, &diffs);
            let mut rows = next.rows.to_vec();
            rows.extend(new.iter().map(|record| html::row(&view, record)));
            let (top, kinds) = html::news(&view);
            next.rows = Arc::new(rows);
            next.top = Some(plain_json(&json!({ "top": top, "kinds": kinds }).to_string()).into());
        }
        next
    }
}

/// A followed run, as a page shows it.
pub(super) fn of<'a>(followed: &'a FollowedRun, diffs: &'a BTreeMap<u32, String>) -> View<'a> {
    report::view(&followed.run, &followed.config, &followed.records, followed.verification.as_ref(), diffs)
}

/// Somebody who has the page open.
pub(super) struct Viewer<Slot> {
    frames: watch::Receiver<Option<Arc<PageFrame>>>,
    run: Option<String>,
    /// The last trial that the page has.
    last: Option<u32>,
    strip: Arc<str>,
    top: Option<Arc<str>>,
    events: VecDeque<Event>,
    over: bool,
    _place: Slot,
}

impl<Slot> Viewer<Slot> {
    /// One whose page shows trials of `run` up to `last`.
    pub fn new(
        frames: watch::Receiver<Option<Arc<PageFrame>>>,
        run: Option<String>,
        last: Option<u32>,
        place: Slot,
    ) -> Self {
        let events = VecDeque::from([Event::default().retry(AGAIN)]);
        let (strip, top) = (Arc::default(), None);
        Self { frames, run, last, strip, top, events, over: false, _place: place }
    }

    /// What he is sent next; nothing where that was all.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            let frame = self.frames.borrow_and_update().clone();
            if let Some(frame) = frame {
                self.take(&frame);
            }
            if self.events.is_empty() {
                self.frames.changed().await.ok()?;
            }
        }
    }

    fn take(&mut self, frame: &PageFrame) {
        let next = self.last.map_or(0, |last| last + 1);
        let known = frame.first..=frame.first + frame.rows.len() as u32;
        if frame.run != self.run || (frame.run.is_some() && !known.contains(&next)) {
            self.events
                .push_back(Event::default().event("reload").data("another run, or too much has happened"));
            self.over = true;
            return;
        }
        let skip = (next.saturating_sub(frame.first)) as usize;
        for (row, trial) in frame.rows.iter().skip(skip).zip(next..) {
            self.events.push_back(Event::default().event("trial").id(trial.to_string()).data(row));
            self.last = Some(trial);
        }
        // What the page was made with is what it has, unless a trial has come since.
        let known = self.top.is_none() && self.events.is_empty();
        let other = match (&self.top, &frame.top) {
            (Some(is), Some(top)) => !Arc::ptr_eq(is, top),
            (is, top) => is.is_some() != top.is_some(),
        };
        if let Some(top) = frame.top.as_ref().filter(|_| other && !known) {
            self.events.push_back(Event::default().event("top").data(top.as_ref()));
        }
        self.top.clone_from(&frame.top);
        if !Arc::ptr_eq(&self.strip, &frame.strip) {
            self.events.push_back(Event::default().event("strip").data(frame.strip.as_ref()));
            self.strip = Arc::clone(&frame.strip);
        }
    }
}
