//! A verification, a step at a time.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use bson::{Bson, RawDocumentBuf};
use tokio::task::JoinHandle;

use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::{ASK, Find};
use crate::verify::context::{Context, VerifyOptions};
use crate::verify::fault::{FaultKind, Finding, Findings};
use crate::verify::names::Names;
use crate::verify::stage::{self, PAGE, Stage};
use crate::verify::state::{VerifyProgress, VerifyReport, VerifyState};
use crate::verify::{
    cache, content, events, feeds, going, hours, journal, nodes, raws, repair, sample, sessions,
    values,
};

/// The most bytes of a page.
const PAGE_BYTES: usize = 16 << 20;
/// The number of suspects at which they are looked at again.
const SUSPECTS: usize = 5000;
/// Faults of one kind after which no more of it are looked at again: it is no chance.
const SURE: u64 = 20_000;

/// Reads the databases and looks for faults.
pub struct Verification {
    context: Context,
    state: VerifyState,
    /// The next page, which is read while one is checked.
    ahead: Option<JoinHandle<Result<Page, StoreError>>>,
    /// When something seemed wrong last.
    suspected: Instant,
    total: u64,
    /// Documents of the stage that were read at random.
    sampled: u64,
}

/// Documents that are checked together.
struct Page {
    documents: Vec<RawDocumentBuf>,
    last: Option<Bson>,
    is_end: bool,
}

impl Verification {
    /// Begins a verification, or goes on with one whose state was kept.
    ///
    /// # Errors
    /// If the database fails, or the state is none.
    pub async fn open(options: VerifyOptions, state: Option<&[u8]>) -> Result<Self, StoreError> {
        let context = Context::open(options).await?;
        let documents = context.archive().coll.estimated_count().await?;
        let state = match state {
            Some(bytes) => VerifyState::of_bytes(bytes)?,
            None => VerifyState::new(documents),
        };
        let mut total = 0;
        for stage in Stage::ALL {
            let counted = match stage {
                Stage::Events => Some(documents),
                Stage::Sessions | Stage::Raws | Stage::Nodes | Stage::Others | Stage::Tables => {
                    None
                }
                other => match other.coll(&context) {
                    Some(coll) => Some(coll.estimated_count().await?),
                    None => None,
                },
            };
            total += counted.unwrap_or(0);
        }
        if let Some(sample) = context.options.sample {
            total = total.min(sample * Stage::ALL.len() as u64);
        }
        Ok(Self {
            context,
            state,
            ahead: None,
            suspected: Instant::now(),
            total,
            sampled: 0,
        })
    }

    /// Reads the next documents; `None` at the end. After an error the same step may be tried again.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn step(&mut self) -> Result<Option<VerifyProgress>, StoreError> {
        let Some(stage) = Stage::ALL.get(self.state.stage).copied() else {
            return Ok(None);
        };
        let is_end = match stage.coll(&self.context).cloned() {
            Some(coll) => self.part(stage, &coll).await?,
            None => true,
        };
        if is_end || self.state.suspects.len() >= SUSPECTS {
            self.look_again(stage).await?;
        }
        if is_end {
            self.state.stage += 1;
            self.state.place = None;
            self.sampled = 0;
        }
        Ok(Some(VerifyProgress {
            doing: stage.name(),
            read: self.state.report.documents(),
            total: self.total,
            faults: self.state.report.found.values().sum::<u64>()
                + self.state.suspects.len() as u64,
        }))
    }

    /// Returns what was found so far.
    pub fn report(&self) -> &VerifyReport {
        &self.state.report
    }

    /// Returns what [`Verification::open`] needs to go on from here.
    ///
    /// # Errors
    /// If an id cannot be written, which no server allows.
    pub fn state(&self) -> Result<Vec<u8>, StoreError> {
        self.state.to_bytes()
    }

    /// Checks a part of a stage, and returns whether it was the last.
    async fn part(&mut self, stage: Stage, coll: &Documents) -> Result<bool, StoreError> {
        let page = match (stage, self.context.options.sample) {
            (Stage::Journal, _) => {
                let (found, read) = journal::check(&self.context).await?;
                self.count(stage, read);
                self.suspect(found);
                return Ok(true);
            }
            (Stage::Others, _) => {
                let rows = stage::others().all(coll).await?;
                self.count(stage, rows.len() as u64);
                self.suspect(odd(&rows));
                return Ok(true);
            }
            (_, Some(sample)) => {
                let left = sample.saturating_sub(self.sampled);
                let documents = sample::page(stage, coll, left).await?;
                self.sampled += 200;
                Page {
                    is_end: documents.is_empty() || self.sampled >= sample,
                    last: None,
                    documents,
                }
            }
            _ => self.next(stage, coll).await?,
        };
        let found = self.check(stage, &page.documents, false).await?;
        self.count(stage, page.documents.len() as u64);
        self.suspect(found);
        self.state.place = page.last.or(self.state.place.take());
        Ok(page.is_end)
    }

    /// Returns the next page, and begins to read the one behind it.
    async fn next(&mut self, stage: Stage, coll: &Documents) -> Result<Page, StoreError> {
        let page = match self.ahead.take() {
            Some(ahead) => ahead.await.map_err(|_| StoreError::Stopped)??,
            None => read(stage.page(self.state.place.clone()), coll.clone()).await?,
        };
        if !page.is_end {
            let next = stage.page(page.last.clone());
            self.ahead = Some(tokio::spawn(read(next, coll.clone())));
        }
        Ok(page)
    }

    fn count(&mut self, stage: Stage, documents: u64) {
        let read = &mut self.state.report.read;
        *read.entry(stage.name().to_owned()).or_default() += documents;
    }

    async fn check(
        &mut self,
        stage: Stage,
        page: &[RawDocumentBuf],
        again: bool,
    ) -> Result<Findings, StoreError> {
        let Self { context, state, .. } = self;
        let mut other = VerifyReport::default();
        // what is met twice is told once
        let report = match again {
            true => &mut other,
            false => &mut state.report,
        };
        let names: &mut Names = &mut state.names;
        match stage {
            Stage::Events => events::check(context, names, page).await,
            Stage::Nodes => {
                let names = context.options.sample.is_none().then_some(&*names);
                nodes::check(context, names, page).await
            }
            Stage::Sessions => {
                let (found, waiting) = sessions::check(context, names, page).await?;
                report.tell("sessions that wait", waiting);
                Ok(found)
            }
            Stage::Raws => raws::check(context, report, page).await,
            Stage::Values => values::check(context, page).await,
            Stage::Hours => hours::check_headers(context, page).await,
            Stage::Tables => hours::check_chunks(context, page).await,
            Stage::Going => going::check(report, page),
            Stage::Others => Ok(odd(page)),
            Stage::Journal => Ok(journal::check(context).await?.0),
            Stage::Entries | Stage::Files | Stage::Chunks => {
                let Some(cache) = context.options.cache.clone() else {
                    return Ok(Findings::default());
                };
                match stage {
                    Stage::Entries => cache::check_entries(context, &cache, report, page).await,
                    Stage::Files => cache::check_files(&cache, page).await,
                    _ => cache::check_chunks(context, &cache, page).await,
                }
            }
            Stage::Feeds => match context.options.feeds.clone() {
                Some(feeds) => feeds::check(context, &feeds, page).await,
                None => Ok(Findings::default()),
            },
        }
    }

    /// Notes what is to be looked at again.
    fn suspect(&mut self, found: Findings) {
        for finding in found.0 {
            let sure = self.state.report.found.get_mut(&finding.kind);
            match sure.filter(|count| **count >= SURE) {
                Some(count) => *count += 1,
                None => {
                    self.suspected = Instant::now();
                    self.state.suspects.push(finding);
                }
            }
        }
    }

    /// Looks again at what seemed wrong, once others had the time to finish what they were at.
    async fn look_again(&mut self, stage: Stage) -> Result<(), StoreError> {
        if self.state.suspects.is_empty() {
            return Ok(());
        }
        let settle = self.context.options.settle;
        tokio::time::sleep(settle.saturating_sub(self.suspected.elapsed())).await;
        self.context.refresh().await?;
        let mut still = self.wrong_now(stage).await?;
        let suspects = std::mem::take(&mut self.state.suspects);
        let is_same = |finding: &Finding| {
            let mut suspects = suspects.iter();
            suspects.any(|one| one.kind == finding.kind && one.key == finding.key)
        };
        let known: BTreeSet<(FaultKind, String)> = match suspects.len() < 100 {
            true => BTreeSet::new(),
            false => suspects.iter().map(place).collect(),
        };
        still.retain(|finding| match known.is_empty() {
            true => is_same(finding),
            false => known.contains(&place(finding)),
        });
        if self.context.options.repair {
            for (kind, repaired) in repair::repair(&self.context, &still).await? {
                *self.state.report.repaired.entry(kind).or_default() += repaired;
            }
        }
        for finding in still {
            let kind = finding.kind;
            let found = self.state.report.found.entry(kind).or_default();
            *found += 1;
            if *found <= self.context.options.most_shown as u64 {
                self.state.report.shown.push(finding.fault());
            }
        }
        Ok(())
    }

    /// Checks again the documents that seemed wrong.
    async fn wrong_now(&mut self, stage: Stage) -> Result<Vec<Finding>, StoreError> {
        let Some(coll) = stage.coll(&self.context).cloned() else {
            return Ok(Vec::new());
        };
        if stage == Stage::Journal {
            return Ok(self.check(stage, &[], true).await?.0);
        }
        let mut seen = HashSet::new();
        let keys = self.state.suspects.iter().map(|finding| &finding.key);
        let keys = keys.filter(|key| seen.insert(key.to_string()));
        let keys: Vec<Bson> = keys.cloned().collect();
        let mut still = Vec::new();
        for part in keys.chunks(ASK) {
            let mut rows = stage.again(part).rows(&coll).await?;
            let (mut page, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next().await? {
                bytes += row.as_bytes().len();
                page.push(row);
                if bytes >= PAGE_BYTES {
                    still.extend(self.check(stage, &page, true).await?.0);
                    (page, bytes) = (Vec::new(), 0);
                }
            }
            still.extend(self.check(stage, &page, true).await?.0);
        }
        Ok(still)
    }
}

fn place(finding: &Finding) -> (FaultKind, String) {
    (finding.kind, finding.key.to_string())
}

async fn read(find: Find, coll: Documents) -> Result<Page, StoreError> {
    let mut rows = find.rows(&coll).await?;
    let (mut documents, mut bytes, mut is_end) = (Vec::new(), 0, true);
    while let Some(row) = rows.next().await? {
        bytes += row.as_bytes().len();
        documents.push(row);
        if bytes >= PAGE_BYTES || documents.len() as i64 >= PAGE {
            is_end = false;
            break;
        }
    }
    let last = documents.last().map(|row| {
        let field = match row.get("_id") {
            Ok(Some(_)) => "_id",
            _ => "files_id",
        };
        let id = row.get(field).ok().flatten();
        id.and_then(|id| Bson::try_from(id.to_owned()).ok())
            .unwrap_or(Bson::Null)
    });
    Ok(Page {
        documents,
        last,
        is_end,
    })
}

/// Finds documents of no known form.
fn odd(page: &[RawDocumentBuf]) -> Findings {
    let mut found = Findings::default();
    for row in page {
        let words = "its _id is none that an instance has: nobody reads it";
        found.add(FaultKind::Id, content::id_of(row), words);
    }
    found
}

/// Runs a verification to its end, for tests.
///
/// # Errors
/// If the database fails.
pub async fn verify(options: VerifyOptions) -> Result<VerifyReport, StoreError> {
    let mut verification = Verification::open(options, None).await?;
    while verification.step().await?.is_some() {}
    Ok(verification.state.report)
}

impl VerifyOptions {
    /// Returns options for all of an archive, without its cache and feeds: everything is read once, nothing is repaired.
    pub fn of(archive: &crate::Archive, now: fn() -> f64) -> Self {
        Self {
            archive: archive.clone(),
            cache: None,
            feeds: None,
            readers: |_| Vec::new(),
            second: Vec::new(),
            kept: Vec::new(),
            remake: None,
            sample: None,
            repair: false,
            most_shown: 10,
            settle: Duration::from_secs(5),
            now,
        }
    }
}
