//! The files that a rotation left beside a file.

use std::cmp::Ordering;
use std::io;
use std::path::{Path, PathBuf};

use super::position::{FileId, FilePosition, mtime_ns};
use super::reader::FileReader;

/// A folder is listed so often at most.
const LISTS: usize = 5;

/// A file beside the one that is followed, or that itself.
#[derive(Debug, Clone)]
pub(super) struct RotatedFile {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) bytes: u64,
    mtime_ns: i64,
    /// The part of the name that follows the name of the followed file.
    suffix: String,
}

/// The file that has the name now.
pub(super) fn current(path: &Path) -> io::Result<Option<RotatedFile>> {
    match std::fs::metadata(path) {
        Ok(about) => Ok(Some(RotatedFile {
            path: path.to_owned(),
            id: FileId::of(&about),
            bytes: about.len(),
            mtime_ns: mtime_ns(&about),
            suffix: String::new(),
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file that a place is in: of the same inode, or else one with the same content up to there, which `copytruncate`
/// copied or somebody moved.
pub(super) fn find(path: &Path, place: &FilePosition) -> io::Result<Option<FileReader>> {
    // it may get another name between the look at its folder and the look at it
    match find_now(path, place)? {
        None => find_now(path, place),
        found => Ok(found),
    }
}

fn find_now(path: &Path, place: &FilePosition) -> io::Result<Option<FileReader>> {
    let rotated = beside(path)?;
    let current = current(path)?;
    let all = rotated.iter().chain(&current);
    for found in all.clone().filter(|found| found.id == place.id) {
        if let Some(reader) = opened(FileReader::open_at(&found.path, place))? {
            return Ok(Some(reader));
        }
    }
    if place.offset == 0 {
        return Ok(None);
    }
    for found in all.filter(|found| found.id != place.id) {
        // one that was last written to before then is of an earlier time and only begins like it
        let later = found.mtime_ns >= place.mtime_ns;
        if later && let Some(reader) = opened(FileReader::open_at(&found.path, place))? {
            return Ok(Some(reader));
        }
    }
    Ok(None)
}

/// The file that comes after this one, which was last written to at that time: the oldest that was rotated later, or else
/// the one that has the name now.
pub(super) fn after(path: &Path, id: FileId, written_ns: i64) -> io::Result<Option<RotatedFile>> {
    let current = current(path)?;
    let mut rotated = beside(path)?;
    rotated.retain(|found| {
        current
            .as_ref()
            .is_none_or(|current| current.id != found.id)
    });
    let own = rotated.iter().position(|found| found.id == id);
    let next = match own {
        Some(own) => rotated.get(own + 1),
        None => rotated.iter().find(|found| found.mtime_ns > written_ns),
    };
    Ok(next.cloned().or(current))
}

/// Turns "not found" into `None`: a listed file may have been renamed or removed since.
fn opened<T>(opened: io::Result<Option<T>>) -> io::Result<Option<T>> {
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other,
    }
}

/// All that were rotated away, oldest first.
fn beside(path: &Path) -> io::Result<Vec<RotatedFile>> {
    let names = |all: &[RotatedFile]| -> Vec<_> {
        let names = all.iter().map(|found| (found.path.clone(), found.id));
        names.collect()
    };
    // a folder that is listed while files in it are renamed may show some of them under no name: until it is at rest
    let mut all = list(path)?;
    for _ in 0..LISTS {
        let again = list(path)?;
        if names(&all) == names(&again) {
            return Ok(again);
        }
        all = again;
    }
    Ok(all)
}

fn list(path: &Path) -> io::Result<Vec<RotatedFile>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(Vec::new());
    };
    // of a relative path without a folder
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry?;
        let other = entry.file_name();
        let suffix = other
            .as_encoded_bytes()
            .strip_prefix(name.as_encoded_bytes());
        let Some(suffix) = suffix.and_then(|suffix| std::str::from_utf8(suffix).ok()) else {
            continue;
        };
        if !is_rotation(suffix) {
            continue;
        }
        if let Some(mut found) = self::current(&entry.path())? {
            if !entry.path().is_file() {
                continue;
            }
            found.suffix = suffix.to_owned();
            all.push(found);
        }
    }
    all.sort_by(older_first);
    Ok(all)
}

/// `.1`, `.2026-11-20`, `-20261120`, `_2026_11_20`, `-20261120-1795132800`; not `.1.gz`, which cannot be read from a place.
fn is_rotation(suffix: &str) -> bool {
    suffix.starts_with(['.', '-', '_'])
        && suffix.contains(|c: char| c.is_ascii_digit())
        && suffix
            .chars()
            .all(|c| c.is_ascii_digit() || ".-_:T".contains(c))
}

/// By the time of the last write; a file system knows that only to a few milliseconds, and then the names tell: of
/// numbers the higher one is older, of dates the earlier one.
fn older_first(one: &RotatedFile, other: &RotatedFile) -> Ordering {
    let digits = |found: &RotatedFile| {
        let digits = found.suffix.chars().filter(char::is_ascii_digit);
        digits.collect::<String>()
    };
    let (a, b) = (digits(one), digits(other));
    let by_name = match (a.len() < 6, b.len() < 6) {
        (true, true) => b.len().cmp(&a.len()).then(b.cmp(&a)),
        _ => a.cmp(&b),
    };
    one.mtime_ns.cmp(&other.mtime_ns).then(by_name)
}
