//! Log-in attempts, and exploits that are sent in place of a log-in.

use tahoe_core::{Attribute, SubType};

use super::draft::{Draft, object};
use super::record::{CowrieRecord, Transport};
use super::text;
use crate::vocab;

pub(super) fn login(record: &CowrieRecord<'_>, succeeded: bool) -> Draft {
    let transport = record.transport();
    let sub_type = match transport {
        Some(Transport::Telnet) => vocab::TELNET,
        Some(Transport::Ssh) | None => vocab::SSH,
    };
    // Empty names and passwords are kept: attackers try them. A public-key log-in and the method `none` have no
    // password.
    let verbatim =
        |sub_type: SubType, field| Some(Attribute::new(sub_type, record.verbatim(field)?));
    let username = verbatim(vocab::USERNAME, "username");
    let password = verbatim(vocab::PASSWORD, "password");
    let draft = Draft::new(sub_type)
        .with_malicious(object(
            vocab::CREDENTIAL,
            [username.clone(), password.clone()],
        ))
        .marking(username.iter().chain(&password))
        .with([Attribute::new(vocab::SUCCESS, succeeded)])
        .with(transport.map(|transport| Attribute::new(vocab::METHOD, transport.name())));
    // Bots that expect a shell type commands at the prompt.
    let typed = ["username", "password"].map(|field| record.text(field));
    typed
        .into_iter()
        .flatten()
        .fold(draft, |draft, typed| text::of_name(draft, &typed))
}

/// `telnet.exploit_attempt` and `telnet.exploit_success`: an environment variable that passes options to login(1).
pub(super) fn telnet_exploit(record: &CowrieRecord<'_>, succeeded: bool) -> Draft {
    let one = record.text("cve").into_iter();
    let many = record.list("cve").unwrap_or_default().into_iter();
    let cve = one
        .chain(many.map(str::to_owned))
        .map(|id| Attribute::new(vocab::CVE_ID, id.trim().to_ascii_uppercase()));
    let variable = record.text("name").and_then(|name| {
        let value = record.verbatim("value")?;
        Some(Attribute::new(
            vocab::SSH_CLIENT_ENV,
            format!("{name}={value}"),
        ))
    });
    let draft = Draft::new(vocab::TELNET)
        .with_malicious(cve)
        .with_malicious(variable)
        .with_malicious(record.attribute(vocab::USERNAME, "original_username"))
        .with_malicious(record.attribute(vocab::USERNAME, "username"))
        .with_malicious(record.attribute(vocab::SHELL_COMMAND, "attempted_command"))
        .with(succeeded.then(|| Attribute::new(vocab::SUCCESS, true)))
        .with([Attribute::new(vocab::METHOD, "telnet")]);
    let draft = match record.text("attempted_command") {
        Some(command) => text::of_command(draft, &command),
        None => draft,
    };
    match record.text("value") {
        Some(value) => text::of_name(draft, &value),
        None => draft,
    }
}
