//! A body taken apart on a thread of its own.

use std::io::{self, BufReader, Read};
use std::mem;

use cybexp_spool::ItemKey;
use tokio::io::AsyncReadExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::body::stream::BodyReader;
use crate::json::plan::Beside;
use crate::piece::FeedPiece;

const BUFFER: usize = 64 << 10;
/// The number of pieces at which a group is handed on, if it does not have [`GROUP_BYTES`] before.
const GROUP: usize = 1000;
/// The bytes of pieces at which a group is handed on.
const GROUP_BYTES: usize = 1 << 20;

/// The parts of a body, in their order. Whatever reads them holds back the source: at most two groups wait.
#[derive(Debug)]
pub struct Pieces<T> {
    groups: mpsc::Receiver<PieceGroup<T>>,
    splitter: Option<JoinHandle<anyhow::Result<Beside>>>,
    beside: Beside,
    left: Left,
    _gone: DropGuard,
}

/// Pieces that were left out.
#[derive(Debug, Default)]
struct Left {
    count: u64,
    first: Option<String>,
    /// The fingerprint of all of them.
    print: String,
}

#[derive(Debug)]
struct PieceGroup<T> {
    pieces: Vec<FeedPiece<T>>,
    bytes: usize,
}

impl<T> Default for PieceGroup<T> {
    fn default() -> Self {
        Self {
            pieces: Vec::new(),
            bytes: 0,
        }
    }
}

impl<T: Send + 'static> Pieces<T> {
    /// Takes a body apart with `split`, which ends at its end, or when nobody wants more.
    pub(crate) fn of(
        body: BodyReader,
        split: impl FnOnce(BufReader<Blocking>, &mut PieceSender<T>) -> anyhow::Result<Beside>
        + Send
        + 'static,
    ) -> Self {
        let (sender, groups) = mpsc::channel(1);
        let gone = CancellationToken::new();
        let input = Blocking {
            body,
            runtime: Handle::current(),
            gone: gone.clone(),
        };
        let splitter = tokio::task::spawn_blocking(move || {
            let mut out = PieceSender {
                group: PieceGroup::default(),
                sender,
            };
            let ended = split(BufReader::with_capacity(BUFFER, input), &mut out);
            // what came before an error was right; where nobody wants it, all is well
            let _ = out.send();
            ended
        });
        Self {
            groups,
            splitter: Some(splitter),
            beside: Beside::default(),
            left: Left::default(),
            _gone: gone.drop_guard(),
        }
    }

    /// The next ones, at least one; `None` at the end of the body.
    ///
    /// # Errors
    /// When the body ends early, or is not what it should be. What came before was right.
    pub async fn next(&mut self) -> anyhow::Result<Option<Vec<T>>> {
        while let Some(group) = self.groups.recv().await {
            let mut good = Vec::with_capacity(group.pieces.len());
            for piece in group.pieces {
                match piece {
                    FeedPiece::Good(piece) => good.push(piece),
                    FeedPiece::Left(why) => self.leave_out(why),
                }
            }
            if !good.is_empty() {
                return Ok(Some(good));
            }
        }
        if let Some(splitter) = self.splitter.take() {
            match splitter.await {
                Ok(ended) => self.beside = ended?,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// Counts a piece that is left out, with the reason.
    pub fn leave_out(&mut self, why: String) {
        self.left.count += 1;
        self.left.print = ItemKey::of(format!("{}{why}", self.left.print)).to_string();
        self.left.first.get_or_insert(why);
    }

    /// The values found beside the pieces; complete at the end of the body.
    pub fn beside(&self) -> &Beside {
        &self.beside
    }

    /// A fingerprint of the pieces that were left out; empty where none was.
    pub fn left_print(&self) -> &str {
        &self.left.print
    }

    /// The number of pieces left out up to now.
    pub fn left_out(&self) -> u64 {
        self.left.count
    }

    /// Says how many were left out, and why the first one was; `None` where none was.
    pub fn complaint(&self) -> Option<String> {
        let first = self.left.first.as_ref()?;
        let more = match self.left.count {
            1 => String::new(),
            count => format!(" ({count} such parts were left out, this is the first)"),
        };
        Some(format!("left out: {first}{more}"))
    }
}

/// The receiver wants no more pieces.
#[derive(Debug, thiserror::Error)]
#[error("nobody wants more of it")]
pub(crate) struct Gone;

/// Hands on the pieces that a splitter finds, in groups.
#[derive(Debug)]
pub(crate) struct PieceSender<T> {
    group: PieceGroup<T>,
    sender: mpsc::Sender<PieceGroup<T>>,
}

impl<T> PieceSender<T> {
    /// Adds a piece of `bytes` bytes. Blocks while the receiver is slower.
    pub(crate) fn push(&mut self, piece: FeedPiece<T>, bytes: usize) -> Result<(), Gone> {
        self.group.pieces.push(piece);
        self.group.bytes += bytes;
        if self.group.pieces.len() < GROUP && self.group.bytes < GROUP_BYTES {
            return Ok(());
        }
        self.send()
    }

    fn send(&mut self) -> Result<(), Gone> {
        let group = mem::take(&mut self.group);
        self.sender.blocking_send(group).map_err(|_| Gone)
    }
}

/// A body, read by a thread that may block; it ends at once when nobody wants more.
pub(crate) struct Blocking {
    body: BodyReader,
    runtime: Handle,
    gone: CancellationToken,
}

impl Read for Blocking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self {
            body,
            runtime,
            gone,
        } = self;
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = gone.cancelled() => Err(io::Error::other(Gone)),
                read = body.read(buffer) => read,
            }
        })
    }
}
