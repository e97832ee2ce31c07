//! Webhooks: a signed POST, to hosts that the operator allows, and never to addresses inside unless these are allowed.

use std::error::Error as _;
use std::time::Duration;

use cybexp_reach::{Reach, WithinReach};
use cybexp_seal::webhook_signature;
use cybexp_service::{NoticeMacs, WebhookRules};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use tahoe_core::User;

use super::parcel::Parcel;

/// The time that a delivery may take. It is less than the daemon may take to stop.
const DEADLINE: Duration = Duration::from_secs(8);
/// The time that a connection may take.
const CONNECT: Duration = Duration::from_secs(4);
/// The most bytes of an answer that are read.
const ANSWER: usize = 64 << 10;

/// Posts to webhooks.
pub(super) struct Webhook {
    client: reqwest::Client,
    rules: WebhookRules,
    macs: NoticeMacs,
    most: Reach,
}

impl Webhook {
    pub(super) fn new(rules: WebhookRules, macs: NoticeMacs) -> anyhow::Result<Self> {
        let most = match rules.allows_inside() {
            true => Reach::Machine,
            false => Reach::Public,
        };
        let client = reqwest::Client::builder()
            .dns_resolver(WithinReach(most))
            // a proxy would ask for names itself
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(DEADLINE)
            .https_only(!rules.allows_inside())
            .user_agent(concat!("cybexp/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            rules,
            macs,
            most,
        })
    }

    /// Posts a parcel. An answer from 200 to 299 says that the receiver has it.
    ///
    /// # Errors
    /// Says why the receiver does not have it, without the URL, which may hold a key.
    pub(super) async fn post(
        &self,
        user: &User,
        url: &str,
        parcel: &Parcel<'_>,
    ) -> Result<(), String> {
        // what was allowed when the subscription was made may not be any more
        let target = self.rules.check(url)?;
        if Reach::of_host(&target).is_some_and(|reach| reach > self.most) {
            return Err("leads to an address of this machine or its network".to_owned());
        }
        let body = parcel.json();
        let secret = self.macs.webhook_secret(&user.hash().to_string(), url);
        let signature = webhook_signature(&secret, parcel.seconds(), body.as_bytes());
        let request = self
            .client
            .post(target)
            .header(CONTENT_TYPE, "application/json")
            .header("X-Cybexp-Signature", signature)
            .header("X-Cybexp-Delivery", &parcel.id)
            .body(body);
        let mut response = request.send().await.map_err(told)?;
        let status = response.status();
        let mut read = 0;
        while read < ANSWER
            && let Ok(Some(piece)) = response.chunk().await
        {
            read += piece.len();
        }
        match status.is_success() {
            true => Ok(()),
            false if status.is_redirection() => {
                Err(format!("answers {status}: redirects are not followed"))
            }
            false => Err(format!("answers {status}")),
        }
    }
}

fn told(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "does not answer in time".to_owned();
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    match error.source() {
        Some(_) => format!("cannot be reached: {cause}"),
        None => error.to_string(),
    }
}
