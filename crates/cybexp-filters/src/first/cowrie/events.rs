//! The table of event IDs: which events each makes, and which parts of these are in malicious context.

use tahoe_core::{Attribute, SubType, Timestamp};

use super::draft::{Draft, object};
use super::record::CowrieRecord;
use super::{file, kex, login, lookup, repr, text, tunnel};
use crate::vocab;

/// Makes the events of a record by its event ID (without `cowrie.`); `None` when the record only touches its session.
pub(super) fn drafts(
    eventid: &str,
    record: &CowrieRecord<'_>,
    at: Timestamp,
) -> Option<Vec<Draft>> {
    Some(vec![match eventid {
        "client.fingerprint" => client_fingerprint(record),
        "client.kex" => kex::client_kex(record),
        "client.malformed_packet" => {
            Draft::new(vocab::SSH).with(record.attribute(vocab::DATA, "data"))
        }
        "client.size" => client_size(record, at),
        "client.var" => client_var(record),
        "client.version" if kex::is_in(record) => {
            return Some(vec![client_version(record), kex::client_kex(record)]);
        }
        "client.version" => client_version(record),
        "command.chpasswd" => Draft::new(vocab::SHELL_COMMAND)
            .with_malicious(record.attribute(vocab::USERNAME, "username")),
        "command.failed" => command(record, Some(false)),
        "command.input" => command(record, None),
        "command.success" => command(record, Some(true)),
        "direct-tcpip.data" | "tunnelproxy-tcpip.data" => tunnel::data(record),
        "direct-tcpip.ja4" | "direct-tcpip.ja4h" => tunnel::fingerprint(record),
        "direct-tcpip.request" => tunnel::request(record),
        "greynoise.result" => lookup::greynoise(record),
        "login.failed" => login::login(record, false),
        "login.success" => login::login(record, true),
        "reversedns.connect" => lookup::reverse_dns(record, false),
        "reversedns.forward" => lookup::reverse_dns(record, true),
        "session.connect" => connection(record),
        "session.file_download" => file::file_download(record, true),
        "session.file_download.failed" => file::file_download(record, false),
        "session.file_upload" => file::file_upload(record),
        "session.input" => shell_input(record),
        "session.params" => {
            Draft::new(vocab::SESSION_PARAMS).with(record.attribute(vocab::ARCH, "arch"))
        }
        "telnet.exploit_attempt" => login::telnet_exploit(record, false),
        "telnet.exploit_success" => login::telnet_exploit(record, true),
        "urlhaus.submitted" => lookup::urlhaus(record),
        "virustotal.scanfile" | "virustotal.scanurl" => lookup::virustotal(record),
        _ => return None,
    }])
}

/// A connection. A client that only connects is taken for a scanner.
fn connection(record: &CowrieRecord<'_>) -> Draft {
    let port = record.int("dst_port", 0..=65535);
    let port = port.map(|port| Attribute::new(vocab::PORT, port));
    let protocol = record.transport().map(|transport| transport.name());
    Draft::new(vocab::CONNECTION)
        .with(object(vocab::DST, [port]))
        .with(protocol.map(|name| Attribute::new(vocab::PROTOCOL, name)))
}

fn client_size(record: &CowrieRecord<'_>, at: Timestamp) -> Draft {
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

fn client_var(record: &CowrieRecord<'_>) -> Draft {
    let assignment = match (record.text("name"), record.verbatim("value")) {
        (Some(name), Some(value)) => Some(format!("{name}={value}")),
        _ => record
            .text("msg")
            .map(|msg| msg.strip_prefix("request_env: ").unwrap_or(&msg).to_owned()),
    };
    let Some(assignment) = assignment else {
        return Draft::new(vocab::SSH);
    };
    let draft = text::of_name(Draft::new(vocab::SSH), &assignment);
    draft.with_malicious([Attribute::new(vocab::SSH_CLIENT_ENV, assignment)])
}

fn client_version(record: &CowrieRecord<'_>) -> Draft {
    let version = record
        .text("version")
        .map(|text| repr::unquoted(&text).to_owned());
    let Some(version) = version.filter(|text| !text.is_empty()) else {
        return Draft::new(vocab::SSH);
    };
    // Exploits of what reads logs stand here, too: `SSH-2.0-${jndi:ldap://…}`.
    text::of_name(Draft::new(vocab::SSH), &version)
        .with([Attribute::new(vocab::SSH_VERSION, version)])
}

fn client_fingerprint(record: &CowrieRecord<'_>) -> Draft {
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

fn command(record: &CowrieRecord<'_>, succeeded: Option<bool>) -> Draft {
    let draft = Draft::new(vocab::SHELL_COMMAND)
        .with(succeeded.map(|succeeded| Attribute::new(vocab::SUCCESS, succeeded)));
    match record.text("input") {
        Some(input) => text::of_command(draft, &input)
            .with_malicious([Attribute::new(vocab::SHELL_COMMAND, input)]),
        None => draft,
    }
}

/// Text that was typed as input of a command.
fn shell_input(record: &CowrieRecord<'_>) -> Draft {
    let draft = Draft::new(vocab::SHELL_INPUT);
    match record.text("input") {
        Some(input) => {
            text::of_command(draft, &input).with_malicious([Attribute::new(vocab::DATA, input)])
        }
        None => draft,
    }
}
