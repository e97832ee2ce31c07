//! Sources of a post, which are files and pipes. They are checked before anything is sent.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::shape::{HEAD_BYTES, is_lines};
use crate::commands::usage::Usage;
use cybexp_term as term;

/// A file or pipe to submit.
#[derive(Debug)]
pub(super) struct PostSource {
    /// The path as it was given, for people.
    pub(super) place: String,
    pub(super) path: PathBuf,
    /// True if each line is a record of its own.
    pub(super) by_lines: bool,
    /// The position to read from: not the beginning if an earlier post is resumed.
    pub(super) from: Position,
    /// The open pipe, for a pipe cannot be opened twice.
    pub(super) pipe: Option<Pipe>,
}

/// A pipe whose beginning has been read.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) head: Vec<u8>,
    pub(super) rest: File,
}

/// A position in a source, up to which it is read or submitted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The number of bytes from the beginning.
    pub(super) offset: u64,
    /// The number of lines from the beginning; 0 if the source is one record.
    pub(super) line: u64,
}

/// Options that say how files are split into records.
pub(super) struct Manner<'a> {
    pub(super) lines: bool,
    pub(super) whole: bool,
    pub(super) typetag: &'a str,
}

impl PostSource {
    /// Checks a file. A file that cannot be read is told when its turn comes, like every problem of a single file.
    ///
    /// # Errors
    /// Fails for a log that would be submitted as one record, if neither an option nor the user says that it shall be.
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
            // a file that cannot be read is a folder, or is told later
            let _ = (&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head);
            let all = head.len() < HEAD_BYTES;
            if is_lines(&head, all, manner.typetag) {
                source.by_lines = source.ask(stdin)?;
            }
        }
        if !regular {
            source.pipe = Some(Pipe { head, rest: file });
        }
        Ok(source)
    }

    /// Asks the user if each line is a record.
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

/// Returns the number of bytes that are still to be submitted, if the length of all sources is known.
pub(super) fn size(sources: &[PostSource]) -> Option<u64> {
    let size = |source: &PostSource| {
        let meta = std::fs::metadata(&source.path).ok()?;
        let regular = source.pipe.is_none() && meta.is_file();
        regular.then_some(meta.len().saturating_sub(source.from.offset))
    };
    sources.iter().map(size).sum()
}
