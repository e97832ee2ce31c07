//! Style sheet, script and icon, built into the program. Their addresses hold their hashes, so that browsers keep them.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// A file that pages refer to.
pub(crate) struct Asset {
    name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) text: &'static str,
}

/// The style sheet.
pub(crate) const STYLE: Asset = Asset {
    name: "style.css",
    kind: "text/css; charset=utf-8",
    text: include_str!("assets/style.css"),
};
/// The script.
pub(crate) const SCRIPT: Asset = Asset {
    name: "app.js",
    kind: "text/javascript; charset=utf-8",
    text: include_str!("assets/app.js"),
};
/// The icon.
pub(crate) const ICON: Asset = Asset {
    name: "icon.svg",
    kind: "image/svg+xml",
    text: include_str!("assets/icon.svg"),
};

const ALL: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];

/// The first hexadecimal digits of the hash of all files.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in ALL {
        hash.update(asset.text);
    }
    hex::encode(&hash.finalize()[..8])
});

impl Asset {
    /// Returns the path of the file.
    pub(crate) fn path(&self) -> String {
        format!("/assets/{}/{}", *VERSION, self.name)
    }
}

/// Returns the file of this name.
pub(crate) fn find(name: &str) -> Option<&'static Asset> {
    ALL.into_iter().find(|asset| asset.name == name)
}

/// Whether this is the version of the files, as [`Asset::path`] has it.
pub(crate) fn is_current(version: &str) -> bool {
    version == *VERSION
}
