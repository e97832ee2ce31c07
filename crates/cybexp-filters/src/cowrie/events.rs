//! The table: event ID → what its event holds, and what of that is in malicious context.

use tahoe_core::{Attribute, Object, SubType, Timestamp};

use super::draft::{Draft, object};
use super::kex;
use super::record::Record;
use crate::{url, vocab};

/// What a record of this event ID (without `cowrie.`) makes; `None` when it only touches its session.
pub(super) fn drafts(eventid: &str, record: &Record<'_>, at: Timestamp) -> Option<Vec<Draft>> {
    Some(vec![match eventid {
        "client.fingerprint" => client_fingerprint(record),
        "client.kex" => kex::client_kex(record),
        "client.size" => client_size(record, at),
        "client.var" => client_var(record),
        "client.version" if kex::is_in(record) => {
            return Some(vec![client_version(record), kex::client_kex(record)]);
        }
        "client.version" => client_version(record),
        "command.failed" => command(record, Some(false)),
        "command.input" => command(record, None),
        "command.success" => command(record, Some(true)),
        "direct-tcpip.data" => direct_tcp_ip(record).with(record.attribute(vocab::DATA, "data")),
        "direct-tcpip.request" => direct_tcp_ip(record),
        "login.failed" => login(record, false),
        "login.success" => login(record, true),
        "session.file_download" => file_download(record, true),
        "session.file_download.failed" => file_download(record, false),
        "session.file_upload" => file_upload(record),
        _ => return None,
    }])
}

fn success(value: bool) -> Attribute {
    Attribute::new(vocab::SUCCESS, value)
}

fn client_size(record: &Record<'_>, at: Timestamp) -> Draft {
    let (height, width) = if record.has_swapped_size(at) {
        ("width", "height")
    } else {
        ("height", "width")
    };
    let cells = |sub_type: SubType, field| {
        Some(Attribute::new(
            sub_type,
            record.int(field, 0..=i64::from(u32::MAX))?,
        ))
    };
    Draft::new(vocab::SSH).with_malicious(object(
        vocab::SSH_CLIENT_SIZE,
        [cells(vocab::HEIGHT, height), cells(vocab::WIDTH, width)],
    ))
}

fn client_var(record: &Record<'_>) -> Draft {
    let assignment = match (record.text("name"), record.verbatim("value")) {
        (Some(name), Some(value)) => Some(format!("{name}={value}")),
        _ => record
            .text("msg")
            .map(|msg| msg.strip_prefix("request_env: ").unwrap_or(&msg).to_owned()),
    };
    let variable = assignment.map(|text| Attribute::new(vocab::SSH_CLIENT_ENV, text));
    Draft::new(vocab::SSH).with_malicious(variable)
}

fn client_version(record: &Record<'_>) -> Draft {
    let version = record
        .text("version")
        .map(|text| unquoted(&text).to_owned());
    let version = version.filter(|text| !text.is_empty());
    Draft::new(vocab::SSH).with(version.map(|text| Attribute::new(vocab::SSH_VERSION, text)))
}

/// Cowrie has logged the `repr` of a Python 2 string, then of bytes: `'SSH-2.0-Go'`, `b'SSH-2.0-Go'`.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let literal = text.strip_prefix('b').unwrap_or(text);
    ['\'', '"']
        .into_iter()
        .find_map(|quote| literal.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
}

fn client_fingerprint(record: &Record<'_>) -> Draft {
    let fingerprint = record.attribute(vocab::SSH_FINGERPRINT, "fingerprint");
    let key = object(
        vocab::SSH_PUBLIC_KEY,
        [
            fingerprint.clone(),
            record.attribute(vocab::PUB_KEY_ALGO, "type"),
            record.attribute(vocab::SSH_KEY, "key"),
        ],
    );
    Draft::new(vocab::SSH)
        .with(record.attribute(vocab::USERNAME, "username"))
        .with_malicious(key)
        .marking(&fingerprint)
}

fn command(record: &Record<'_>, succeeded: Option<bool>) -> Draft {
    Draft::new(vocab::SHELL_COMMAND)
        .with_malicious(record.attribute(vocab::SHELL_COMMAND, "input"))
        .with(succeeded.map(success))
}

/// What the attacker reaches for through the honeypot. The host stands in `dst` beside the `url`; its
/// registered domain on the event, as with any URL.
fn direct_tcp_ip(record: &Record<'_>) -> Draft {
    let port = |field| Some(Attribute::new(vocab::PORT, record.int(field, 0..=65535)?));
    let given = record.text("dst_ip");
    let (host, domain) = match given.as_deref().and_then(url::bare_host_attributes) {
        Some((host, domain)) => (Some(host), domain),
        None => (None, None),
    };
    let dst_url = given.map(|text| Attribute::new(vocab::URL, text));
    let dst = object(vocab::DST, [dst_url, host, port("dst_port")]);
    let src = object(
        vocab::SRC,
        [
            record.attribute(vocab::HOSTNAME, "sensor"),
            record.ip("orig_ip"),
            port("orig_port"),
        ],
    );
    Draft::new(vocab::NETWORK_TRAFFIC)
        .with(dst)
        .with(src)
        .with([Attribute::new(vocab::PROTOCOL, "TCP")])
        .with(domain)
}

fn login(record: &Record<'_>, succeeded: bool) -> Draft {
    let (sub_type, method) = if record.is_telnet() {
        (vocab::TELNET, "telnet")
    } else {
        (vocab::SSH, "ssh")
    };
    // Empty ones are tried too. There is no password in a public-key login, nor with the method `none`.
    let verbatim =
        |sub_type: SubType, field| Some(Attribute::new(sub_type, record.verbatim(field)?));
    let username = verbatim(vocab::USERNAME, "username");
    let password = verbatim(vocab::PASSWORD, "password");
    Draft::new(sub_type)
        .with_malicious(object(
            vocab::CREDENTIAL,
            [username.clone(), password.clone()],
        ))
        .marking(username.iter().chain(&password))
        .with([success(succeeded), Attribute::new(vocab::METHOD, method)])
}

fn file_download(record: &Record<'_>, succeeded: bool) -> Draft {
    // There is no url when a shell redirection or standard input was captured; then destfile names the file.
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
        .with([success(succeeded)])
}

fn file_upload(record: &Record<'_>) -> Draft {
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

/// By the message; without one, by what SCP alone writes.
fn is_sftp(record: &Record<'_>) -> bool {
    match record.message() {
        message if message.starts_with("SFTP") => true,
        "" => !record.has("destfile") && !record.has("url"),
        _ => false,
    }
}

fn with_file(draft: Draft, record: &Record<'_>, name: Option<String>) -> Draft {
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

/// The last segment of a path, which may be nothing but that segment.
fn file_name(path: &str) -> Option<String> {
    let name = path.trim().rsplit('/').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}
