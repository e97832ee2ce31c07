//! Files that the attacker uploads or has the honeypot download.

use tahoe_core::{Attribute, Object};

use super::draft::{Draft, object};
use super::record::CowrieRecord;
use crate::{url, vocab};

pub(super) fn file_download(record: &CowrieRecord<'_>, succeeded: bool) -> Draft {
    // A record has no url when a shell redirection or standard input was captured. Its destfile then names the file.
    let seen = record.text("url");
    let name = seen
        .as_deref()
        .and_then(url_file_name)
        .map(str::to_owned)
        .or_else(|| file_name(&record.text("destfile")?));
    let hosts = seen
        .as_deref()
        .map(url::host_attributes)
        .unwrap_or_default();
    with_file(Draft::new(vocab::FILE_DOWNLOAD), record, name)
        .with_malicious(seen.map(|text| Attribute::new(vocab::URL, text)))
        .with(hosts)
        .with([Attribute::new(vocab::SUCCESS, succeeded)])
}

pub(super) fn file_upload(record: &CowrieRecord<'_>) -> Draft {
    // The `url` of an SCP upload is a path on the honeypot.
    let name = ["filename", "destfile"]
        .into_iter()
        .find_map(|field| file_name(&record.text(field)?));
    let draft = with_file(Draft::new(vocab::FILE_UPLOAD), record, name);
    if !is_sftp(record) {
        return draft;
    }
    draft
        .with([Attribute::new(vocab::METHOD, "SFTP")])
        .with(record.attribute(vocab::OUTPUT_FILE_PATH, "outfile"))
}

/// Tells SFTP from SCP by the message. Without a message, by a field that only SCP writes.
fn is_sftp(record: &CowrieRecord<'_>) -> bool {
    match record.message() {
        message if message.starts_with("SFTP") => true,
        "" => !record.has("destfile") && !record.has("url"),
        _ => false,
    }
}

fn with_file(draft: Draft, record: &CowrieRecord<'_>, name: Option<String>) -> Draft {
    let name = name.map(|name| Attribute::new(vocab::FILENAME, name));
    let digest = record
        .text("shasum")
        .map(|digest| digest.trim().to_ascii_lowercase());
    let digest = digest.map(|digest| Attribute::new(vocab::SHA256, digest));
    let file: Option<Object> = object(vocab::FILE, [name.clone(), digest.clone()]);
    draft
        .with_malicious(file)
        .marking(name.iter().chain(&digest))
}

/// The last segment of a URL's path, as it was seen.
fn url_file_name(url: &str) -> Option<&str> {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let path_and_host = url[..end]
        .split_once("//")
        .map_or(&url[..end], |(_, rest)| rest);
    let (_, name) = path_and_host.rsplit_once('/')?;
    Some(name.trim()).filter(|name| !name.is_empty())
}

/// The last segment of a path, which may have only this segment.
fn file_name(path: &str) -> Option<String> {
    let name = path.trim().rsplit('/').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}
