//! Mail to a subscriber's own address, by the operator's server.

use std::time::Duration;

use anyhow::Context as _;
use cybexp_service::Config;
use cybexp_service::config::SmtpTls;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;
use tahoe_core::User;

use super::parcel::Parcel;

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
    /// The sender's address is none, or the password cannot be read.
    pub(crate) fn new(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(smtp) = &config.report.smtp else {
            return Ok(None);
        };
        let wrong = |error| config.invalid("report.smtp.from", format!("{error}"));
        let from: Mailbox = smtp.from.parse().map_err(wrong)?;
        let parameters = || TlsParameters::new(smtp.host.clone()).context("report.smtp.host");
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
    pub(super) async fn send(&self, user: &User, parcel: &Parcel<'_>) -> Result<(), String> {
        let to = user.email().parse();
        let to = to.map_err(|error| format!("the user's address is none: {error}"))?;
        let domain = self.from.email.domain();
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(parcel.subject())
            // a mail that is sent again is known by it
            .message_id(Some(format!("<{}@{domain}>", parcel.id)))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(parcel.text())
            .map_err(|error| error.to_string())?;
        let sending = self.transport.send(message);
        match tokio::time::timeout(DEADLINE, sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(format!("the mail server: {error}")),
            Err(_) => Err("the mail server does not answer in time".to_owned()),
        }
    }
}
