//! Wakes who follows a file. One thread serves all inputs; whoever relies on it looks now and then by himself, too, for
//! some file systems tell nothing.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tracing::warn;

/// The watches, by folder.
static TARGETS: LazyLock<Mutex<HashMap<PathBuf, Vec<Arc<Target>>>>> = LazyLock::new(Mutex::default);

/// Never locked by who holds [`TARGETS`]: to watch something waits for the thread that calls [`wake`].
static WATCHER: LazyLock<Mutex<Option<RecommendedWatcher>>> = LazyLock::new(|| {
    let watcher = notify::recommended_watcher(wake);
    let watcher = watcher.inspect_err(
        |error| warn!(%error, "files cannot be watched: they are looked at once a second"),
    );
    Mutex::new(watcher.ok())
});

#[derive(Debug)]
struct Target {
    name: OsString,
    wake: Notify,
}

/// A wish to be woken when a file, or one whose name begins like it, changes. It ends with this value.
#[derive(Debug)]
pub(super) struct FileWatch {
    folder: PathBuf,
    target: Arc<Target>,
}

impl FileWatch {
    pub(super) fn new(path: &Path) -> Self {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let target = Arc::new(Target {
            name: path.file_name().unwrap_or_default().to_owned(),
            wake: Notify::new(),
        });
        let mut watcher = lock(&WATCHER);
        lock(&TARGETS)
            .entry(folder.clone())
            .or_default()
            .push(Arc::clone(&target));
        if let Some(watcher) = watcher.as_mut() {
            // a folder that is not there is not watched, and looked at
            let _ = watcher.watch(&folder, RecursiveMode::NonRecursive);
        }
        Self { folder, target }
    }

    pub(super) async fn changed(&self) {
        self.target.wake.notified().await;
    }
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        let mut watcher = lock(&WATCHER);
        let last = {
            let mut all = lock(&TARGETS);
            let beside = all.entry(self.folder.clone()).or_default();
            beside.retain(|target| !Arc::ptr_eq(target, &self.target));
            beside.is_empty() && all.remove(&self.folder).is_some()
        };
        if last && let Some(watcher) = watcher.as_mut() {
            // it is not watched if it was removed meanwhile
            let _ = watcher.unwatch(&self.folder);
        }
    }
}

fn wake(event: notify::Result<Event>) {
    let Ok(event) = event else { return };
    // to read is to access: who is woken by that wakes himself
    if matches!(event.kind, EventKind::Access(_)) {
        return;
    }
    let all = lock(&TARGETS);
    for path in &event.paths {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            continue;
        };
        for target in all.get(folder).into_iter().flatten() {
            if name
                .as_encoded_bytes()
                .starts_with(target.name.as_encoded_bytes())
            {
                target.wake.notify_one();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
