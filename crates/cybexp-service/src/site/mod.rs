//! Finds the configuration for a person's command: the file that the user names, else that of a running `cybexp up`, else
//! the first of the usual files that exists. Daemons only know the file that they are given, and the usual files.

pub mod lock;

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::cli::CommonArgs;
use crate::config::USUAL_FILES;

/// The name of the configuration file in the folder of `up`.
pub const CONFIG: &str = "config.json";

/// The chosen configuration file, and the others that could have been meant.
#[derive(Debug, Default, PartialEq)]
pub struct ConfigChoice {
    /// The chosen file. `None`: there is no file, and the defaults hold.
    pub file: Option<PathBuf>,
    /// True if the chosen file belongs to a running `up`.
    pub runs: bool,
    /// The files that would be chosen next, in order.
    pub others: Vec<PathBuf>,
}

impl ConfigChoice {
    /// Chooses the file that the command line or `$CYBEXP_CONFIG` names, else the first that exists.
    pub fn of(common: &CommonArgs) -> Self {
        if let Some(file) = &common.config {
            let file = Some(file.clone());
            return Self {
                file,
                ..Self::default()
            };
        }
        let running = running();
        let usual = USUAL_FILES.iter().map(PathBuf::from);
        let own = data_folder().ok().map(|folder| folder.join(CONFIG));
        Self::among(running, usual.chain(own))
    }

    fn among(running: Vec<PathBuf>, usual: impl Iterator<Item = PathBuf>) -> Self {
        let runs = !running.is_empty();
        let mut seen = Vec::new();
        let mut files = running.into_iter().chain(usual).filter(|file| {
            // a file that this user cannot reach does not count
            let Ok(whole) = file.canonicalize() else {
                return false;
            };
            let new = !seen.contains(&whole);
            seen.push(whole);
            new
        });
        Self {
            file: files.next(),
            runs,
            others: files.collect(),
        }
    }

    /// Returns a sentence that names the chosen file, if there are others.
    pub fn note(&self) -> Option<String> {
        let file = self.file.as_ref().filter(|_| !self.others.is_empty())?;
        let of = if self.runs {
            ", that of the running `cybexp up`"
        } else {
            ""
        };
        let others: Vec<String> = self
            .others
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        Some(format!(
            "using {}{of}; there is also {} (--config names another one)",
            file.display(),
            others.join(", ")
        ))
    }
}

/// Returns the default folder of `up`.
///
/// # Errors
/// If the user has no home folder.
pub fn data_folder() -> anyhow::Result<PathBuf> {
    home("XDG_DATA_HOME", ".local/share").context("there is no home folder: give one with --dir")
}

/// Returns the folder for state that outlives a command.
pub fn state_folder() -> Option<PathBuf> {
    home("XDG_STATE_HOME", ".local/state")
}

/// Returns the folder `cybexp` under the path in `variable`, else under `beside` in the home folder. A relative path in the
/// variable is ignored (XDG Base Directory Specification).
fn home(variable: &str, beside: &str) -> Option<PathBuf> {
    let given = std::env::var_os(variable).map(PathBuf::from);
    let folder = given.filter(|folder| folder.is_absolute());
    let folder = folder.or_else(|| Some(std::env::home_dir()?.join(beside)))?;
    Some(folder.join("cybexp"))
}

/// Returns the folder in which each running `up` has a file, named by its process id, that holds its configuration's path.
fn registry() -> Option<PathBuf> {
    Some(state_folder()?.join("up"))
}

/// The entry that makes a running `up` known to commands. Dropping it removes the entry.
#[derive(Debug)]
pub struct Registered(Option<PathBuf>);

/// Tells commands which configuration the `up` of this process runs. A failure is ignored: `up` runs without the entry.
pub fn register(config: &Path) -> Registered {
    let Some((folder, config)) = registry().zip(std::path::absolute(config).ok()) else {
        return Registered(None);
    };
    let file = folder.join(std::process::id().to_string());
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&file, config.as_os_str().as_encoded_bytes()));
    Registered(written.is_ok().then_some(file))
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // a leftover file is harmless: the folder that it names is not locked
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Returns the configurations of all running `up`. Entries that a killed one left behind are removed.
fn running() -> Vec<PathBuf> {
    let files = registry().and_then(|folder| std::fs::read_dir(folder).ok());
    let files = files.into_iter().flatten().flatten();
    let mut running: Vec<PathBuf> = files
        .filter_map(|file| {
            let config = PathBuf::from(std::fs::read_to_string(file.path()).ok()?);
            let runs = config.parent().is_some_and(lock::is_held);
            if !runs {
                let _ = std::fs::remove_file(file.path());
            }
            runs.then_some(config)
        })
        .collect();
    running.sort();
    running
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_one_goes_first_and_each_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        for name in ["up.json", "local.json"] {
            std::fs::write(file(name), "").unwrap();
        }
        let usual = || {
            let names = ["missing.json", "local.json", "up.json", "./local.json"];
            names.map(file).into_iter()
        };
        let choice = ConfigChoice::among(vec![file("up.json")], usual());
        assert_eq!(choice.file, Some(file("up.json")));
        assert_eq!(choice.others, [file("local.json")]);
        let note = choice.note().unwrap();
        assert!(note.contains("up.json, that of the running"), "{note}");

        let choice = ConfigChoice::among(Vec::new(), usual());
        assert_eq!(choice.file, Some(file("local.json")));
        assert!(!choice.note().unwrap().contains("running"));
        let none = ConfigChoice::among(Vec::new(), std::iter::once(file("missing.json")));
        assert_eq!((none.note(), none), (None, ConfigChoice::default()));
    }
}
