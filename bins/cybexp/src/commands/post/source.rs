//! What is to be submitted: files and pipes, looked at before anything is sent.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::shape::{HEAD_BYTES, is_lines};
use crate::commands::usage::Usage;
use cybexp_term as term;

/// A file, or what comes from a pipe.
#[derive(Debug)]
pub(super) struct PostSource {
    /// Its path as it was given, for people.
    pub(super) place: String,
    pub(super) path: PathBuf,
    /// Whether each line is a record of its own.
    pub(super) by_lines: bool,
    /// Where it is read from, which is not the beginning where an earlier post is resumed.
    pub(super) from: Position,
    /// What comes from a pipe: it cannot be opened twice.
    pub(super) pipe: Option<Pipe>,
}

/// A pipe of which the beginning is read already.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) head: Vec<u8>,
    pub(super) rest: File,
}

/// How far a source is read or submitted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Bytes from the beginning.
    pub(super) offset: u64,
    /// Lines from the beginning; 0 where it is submitted as a whole.
    pub(super) line: u64,
}

/// What a person said of how files are to be submitted.
pub(super) struct Manner<'a> {
    pub(super) lines: bool,
    pub(super) whole: bool,
    pub(super) typetag: &'a str,
    pub(super) timezone: &'a str,
}

impl PostSource {
    /// Looks at a file. One that cannot be read is told when its turn comes, like everything that is wrong with one file.
    ///
    /// # Errors
    /// A log that would be submitted as one record, and nobody says whether it shall be.
    pub(super) fn new(path: &Path, manner: &Manner<'_>) -> anyhow::Result<Self> {
        let stdin = path == Path::new("-");
        let place = match stdin {
            true => "stdin".to_owned(),
            false => path.display().to_string(),
        };
        let mut source = Self {
            place,
            path: path.to_owned(),
            by_lines: manner.lines,
            from: Position::default(),
            pipe: None,
        };
        let opened = match stdin {
            true => std::io::stdin()
                .as_fd()
                .try_clone_to_owned()
                .map(File::from),
            false => File::open(path),
        };
        let Ok(mut file) = opened else {
            return Ok(source);
        };
        let regular = !stdin && file.metadata().is_ok_and(|meta| meta.is_file());
        let mut head = Vec::new();
        let judged = !manner.lines && !manner.whole;
        if judged {
            // one that cannot be read is a folder, or will be told
            let _ = (&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head);
            let all = head.len() < HEAD_BYTES;
            if is_lines(&head, all, manner.typetag, manner.timezone) {
                source.by_lines = source.ask(stdin)?;
            }
        }
        if !regular {
            source.pipe = Some(Pipe { head, rest: file });
        }
        Ok(source)
    }

    /// Whether each line is to be submitted, as a person at the terminal says.
    fn ask(&self, stdin: bool) -> anyhow::Result<bool> {
        let place = term::line(&self.place);
        if stdin || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            bail!(Usage(format!(
                "{place} holds a JSON record on each line, and would be submitted as one record: --lines submits each \
                 line as a record, --whole the file as it is"
            )));
        }
        let question = format!(
            "{place} holds a JSON record on each line. Submit each line as a record? [Y/n]"
        );
        anstream::eprint!("{} ", term::wrapped(&question, 0, 0));
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        Ok(!matches!(answer.trim(), "n" | "N" | "no"))
    }
}

/// Bytes of all sources that are still to be submitted, where that is known.
pub(super) fn size(sources: &[PostSource]) -> Option<u64> {
    let size = |source: &PostSource| {
        let meta = std::fs::metadata(&source.path).ok()?;
        let regular = source.pipe.is_none() && meta.is_file();
        regular.then_some(meta.len().saturating_sub(source.from.offset))
    };
    sources.iter().map(size).sum()
}
