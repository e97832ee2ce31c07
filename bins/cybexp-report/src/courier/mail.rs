//! Mail to a subscriber's own address, by the operator's server.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use cybexp_service::Config;
use cybexp_service::config::SmtpTls;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::response::{Category, Severity};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;
use tahoe_core::User;

use super::parcel::Parcel;
use super::refusal::Refusal;
use super::words;

/// The time that a command of the server may take, and the whole delivery.
const COMMAND: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(8);

/// Sends mail.
pub(crate) struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mail {
    /// Makes a sender, if the configuration names a server.
    ///
    /// # Errors
    /// The sender's address is none, or the password or the certificates cannot be read.
    pub(crate) fn new(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(smtp) = &config.report.smtp else {
            return Ok(None);
        };
        let wrong = |error| config.invalid("report.smtp.from", format!("{error}"));
        let from: Mailbox = smtp.from.parse().map_err(wrong)?;
        let parameters = || parameters(&smtp.host, smtp.ca.as_deref());
        let (tls, port) = match smtp.tls {
            SmtpTls::StartTls => (Tls::Required(parameters()?), 587),
            SmtpTls::Tls => (Tls::Wrapper(parameters()?), 465),
            SmtpTls::None => (Tls::None, 25),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
            .port(smtp.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(COMMAND));
        if let (Some(user), Some(password)) = (&smtp.user, config.smtp_password()?) {
            let password = password.expose_secret().to_owned();
            transport = transport.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Some(Self {
            transport: transport.build(),
            from,
        }))
    }

    /// Sends a parcel to a user.
    ///
    /// # Errors
    /// Says why the server did not take it.
    pub(super) async fn send(&self, user: &User, parcel: &Parcel<'_>) -> Result<(), Refusal> {
        let to = user.email().parse().map_err(|error| {
            Refusal::for_good(format!("the user's address is no mail address: {error}"))
        })?;
        let domain = self.from.email.domain();
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(words::subject(parcel))
            // a mail that is sent again is known by it
            .message_id(Some(format!("<{}@{domain}>", parcel.id)))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(words::text(parcel))
            .map_err(|error| Refusal::for_good(error.to_string()))?;
        let sending = self.transport.send(message);
        match tokio::time::timeout(DEADLINE, sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(refused(&error)),
            Err(_) => Err(Refusal::for_now("the mail server does not answer in time")),
        }
    }
}

/// Makes the rules of an encrypted connection to a server, with the certificates of a file besides those of the system.
fn parameters(host: &str, ca: Option<&Path>) -> anyhow::Result<TlsParameters> {
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(ca) = ca {
        let named = || format!("report.smtp.ca: {}", ca.display());
        let pem = std::fs::read(ca).with_context(named)?;
        let certificate = Certificate::from_pem(&pem).with_context(named)?;
        parameters = parameters.add_root_certificate(certificate);
    }
    parameters.build().context("report.smtp")
}

/// Reads an error of the server. Replies 550 to 559 are about this mail or its receiver (RFC 5321, section 4.2.1), and are
/// final. Other permanent errors are about how this site sends mail, such as a wrong password: the operator may mend that.
fn refused(error: &Error) -> Refusal {
    let is_final = error.status().is_some_and(|code| {
        code.severity == Severity::PermanentNegativeCompletion
            && code.category == Category::MailSystem
    });
    Refusal {
        reason: format!("the mail server: {error}"),
        is_final,
    }
}
