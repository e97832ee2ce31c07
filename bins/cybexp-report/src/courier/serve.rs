//! Delivery to one receiver: what is due is looked at once more, and sent together.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cybexp_service::{Config, NoticeMacs, Shutdown, WebhookRules, orgs_of_notice};
use cybexp_share::Tlp;
use cybexp_store::{
    Access, Channel, Identity, NoticeId, NoticeRow, Outbox, OutboxDelivery, StoreError,
    Subscription, SubscriptionId, Subscriptions,
};
use metrics::{counter, gauge};
use serde_json::Value;
use tahoe_core::{Hash, User};

use super::mail::Mail;
use super::parcel::{Item, Parcel};
use super::refusal::Refusal;
use super::resting::Resting;
use super::webhook::Webhook;
use crate::clock;

/// The most notices of one delivery.
const TOGETHER: i64 = 100;
/// The number up to which notices are counted.
const COUNTED: i64 = 1_000_000;

/// Delivers notices.
pub(crate) struct Courier {
    outbox: Outbox,
    subscriptions: Subscriptions,
    identity: Identity,
    macs: NoticeMacs,
    webhook: Webhook,
    mail: Option<Mail>,
    longest_rest: Duration,
    give_up: Duration,
    mail_pause: Duration,
    /// The most notices that wait for a receiver, and that are parked for a user.
    most: u64,
    resting: Mutex<Resting>,
}

/// The outcome of a delivery.
enum Served {
    /// Some was delivered or discarded; there may be more.
    Some,
    /// Nothing more waits, or the receiver rests.
    Done,
}

impl Courier {
    /// Makes a courier of the site.
    pub(crate) fn new(
        config: &Config,
        (subscriptions, identity): (Subscriptions, Identity),
        macs: NoticeMacs,
        mail: Option<Mail>,
        delivery: &OutboxDelivery,
    ) -> anyhow::Result<Self> {
        let report = &config.report;
        let rules = WebhookRules::new(&report.webhook_hosts, report.webhook_inside);
        Ok(Self {
            outbox: delivery.outbox().clone(),
            subscriptions,
            identity,
            webhook: Webhook::new(rules, macs.clone())?,
            macs,
            mail,
            longest_rest: Duration::from_secs(report.delivery_backoff_s),
            give_up: Duration::from_secs(report.delivery_give_up_s),
            mail_pause: Duration::from_secs(report.mail_pause_s),
            most: report.delivery_most,
            resting: Mutex::default(),
        })
    }

    /// Delivers all that waits for a receiver, until it fails or the daemon is asked to stop.
    pub(super) async fn serve(&self, receiver: &str, shutdown: &Shutdown) {
        while !shutdown.is_begun() {
            match self.serve_some(receiver).await {
                Ok(Served::Some) => {}
                Ok(Served::Done) => return,
                Err(error) => {
                    tracing::warn!(%error, "notices could not be delivered; trying again");
                    // the next round finds the same ones
                    tokio::time::sleep(super::PAUSE).await;
                    return;
                }
            }
        }
    }

    async fn serve_some(&self, receiver: &str) -> Result<Served, StoreError> {
        let rows = self.outbox.waiting(receiver, TOGETHER).await?;
        if rows.is_empty() {
            return Ok(Served::Done);
        }
        let known = self.subscriptions_of(&rows, receiver).await?;
        let user = match known.values().next() {
            Some(one) => self.user(&one.user).await?,
            None => None,
        };
        let (mut items, mut discarded) = (Vec::new(), Vec::new());
        for row in &rows {
            let item = match &user {
                Some((_, visible)) => self.item(row, &known, visible),
                None => None,
            };
            match item {
                Some(item) => items.push(item),
                None => discarded.push(row.id),
            }
        }
        self.outbox.discard(&discarded).await?;
        let (Some((user, _)), Some(first)) = (user, items.first()) else {
            count("none", "discarded", discarded.len());
            return Ok(Served::Some);
        };
        let channel = first.subscription.channel.clone();
        count(channel.as_str(), "discarded", discarded.len());
        let oldest = rows.iter().map(NoticeRow::at).fold(f64::MAX, f64::min);
        let ids: Vec<NoticeId> = items.iter().map(|item| item.id).collect();
        let parcel = Parcel::new(items, clock::unix_now());
        let sent = match &channel {
            Channel::Webhook { url } => {
                let posted = self.webhook.post(&user, url, &parcel).await;
                posted.map_err(Refusal::from)
            }
            Channel::Mail => match &self.mail {
                Some(mail) => mail.send(&user, &parcel).await,
                None => Err(Refusal::for_now(
                    "this site sends no mail any more (report.smtp)",
                )),
            },
            // it has no receiver, and is never due
            Channel::Page => Ok(()),
        };
        let age = clock::unix_now() - oldest;
        gauge!("cybexp_report_notice_age_seconds").set(age);
        match sent {
            Ok(()) => {
                self.outbox.told(&ids).await?;
                count(channel.as_str(), "told", ids.len());
                // a person reads one mail of many notices rather than many mails
                let pause = match channel {
                    Channel::Mail if rows.len() < TOGETHER as usize => self.mail_pause,
                    _ => Duration::ZERO,
                };
                self.resting().succeed(receiver, pause);
                Ok(match pause.is_zero() {
                    true => Served::Some,
                    false => Served::Done,
                })
            }
            Err(refusal) => {
                let of = (receiver, user.hash(), &channel);
                self.failed(of, &ids, &refusal).await?;
                Ok(Served::Done)
            }
        }
    }

    async fn failed(
        &self,
        (receiver, user, channel): (&str, Hash, &Channel),
        ids: &[NoticeId],
        Refusal { reason, is_final }: &Refusal,
    ) -> Result<(), StoreError> {
        if self.resting().fail(receiver, self.longest_rest) {
            tracing::warn!(receiver, reason, "a receiver of notices fails");
        }
        self.outbox.failed(ids, reason).await?;
        count(channel.as_str(), "failed", ids.len());
        if *is_final {
            self.outbox.park(ids, reason).await?;
            parked(receiver, channel.as_str(), ids.len() as u64);
        }
        let old = self.outbox.park_old(receiver, self.give_up, reason).await?;
        parked(receiver, channel.as_str(), old);
        self.bound_receiver(receiver).await?;
        self.bound_user(user).await
    }

    /// Gives up what is too much for a receiver.
    async fn bound_receiver(&self, receiver: &str) -> Result<(), StoreError> {
        let beyond = self.outbox.park_beyond(receiver, self.most).await?;
        parked(receiver, "any", beyond);
        Ok(())
    }

    /// Removes what is too much of what was given up for a user.
    async fn bound_user(&self, user: Hash) -> Result<(), StoreError> {
        let removed = self.outbox.remove_beyond(user, self.most).await?;
        if removed > 0 {
            tracing::warn!(%user, removed, "too many notices of a user are parked: the oldest are removed");
            count("any", "removed", removed as usize);
        }
        Ok(())
    }

    /// Holds what waits for receivers, and what was given up, within its bounds, and tells how much that is. A receiver may
    /// take less than comes although it never fails.
    pub(super) async fn keep_within_bounds(&self) -> Result<(), StoreError> {
        for receiver in self.outbox.receivers().await? {
            self.bound_receiver(&receiver).await?;
        }
        for user in self.outbox.users_of_parked().await? {
            self.bound_user(user).await?;
        }
        let (waiting, parked) = (
            self.outbox.count_waiting(COUNTED).await?,
            self.outbox.count_parked(COUNTED).await?,
        );
        gauge!("cybexp_report_notices", "state" => "waiting").set(waiting as f64);
        gauge!("cybexp_report_notices", "state" => "parked").set(parked as f64);
        let failing = self.resting().failing();
        gauge!("cybexp_report_receivers_failing").set(failing as f64);
        Ok(())
    }

    /// Returns the time for which a receiver still rests.
    pub(super) fn rest_of(&self, receiver: &str) -> Option<Duration> {
        self.resting().left(receiver)
    }

    /// Forgets receivers for whom nothing waits.
    pub(super) fn forget_all_but(&self, waiting: &[String]) {
        let waiting = waiting.iter().map(String::as_str).collect();
        self.resting().keep(&waiting);
    }

    /// Returns the subscriptions for which these notices are, as far as they are the receiver's.
    async fn subscriptions_of(
        &self,
        rows: &[NoticeRow],
        receiver: &str,
    ) -> Result<HashMap<SubscriptionId, Subscription>, StoreError> {
        let ids: HashSet<SubscriptionId> = rows.iter().map(|row| row.id.subscription()).collect();
        let ids: Vec<SubscriptionId> = ids.into_iter().collect();
        let stored = self.subscriptions.of_ids(&ids).await?;
        let opened = stored
            .iter()
            .filter_map(|one| Some((one.id, self.macs.open(one)?)));
        Ok(opened
            .filter(|(_, one)| one.receiver() == receiver)
            .collect())
    }

    /// Returns a user who may be told, and the organisations whose events the user may see.
    async fn user(&self, user: &str) -> Result<Option<(User, HashSet<String>)>, StoreError> {
        let Ok(hash) = user.parse::<Hash>() else {
            return Ok(None);
        };
        let (found, standing, access) = tokio::join!(
            self.identity.user(hash),
            self.identity.standing(hash),
            self.identity.access(user)
        );
        let (Some(found), Access::Orgs(visible)) = (found?, access?) else {
            return Ok(None);
        };
        let visible = visible.0.iter().map(|org| org.as_str().to_owned());
        Ok((!standing?.locked).then(|| (found, visible.collect())))
    }

    /// Returns a notice as it is told; `None` if it is not to be told.
    fn item<'a>(
        &self,
        row: &NoticeRow,
        known: &'a HashMap<SubscriptionId, Subscription>,
        visible: &HashSet<String>,
    ) -> Option<Item<'a>> {
        let subscription = known.get(&row.id.subscription())?;
        if !self.macs.is_notice(row) {
            tracing::warn!(notice = %row.id, "not written by this deployment: it is not told");
            return None;
        }
        let told: Value = serde_json::from_str(&row.text).ok()?;
        let orgs = orgs_of_notice(&told);
        let seen = !orgs.is_empty() && orgs.iter().all(|org| visible.contains(*org));
        (seen && may_leave(&told, subscription)).then(|| Item {
            id: row.id,
            subscription,
            at: row.at(),
            told,
        })
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the TLP label of what is told lets it leave by the subscription. What has no label may leave.
fn may_leave(told: &Value, subscription: &Subscription) -> bool {
    let most: Tlp = subscription.tlp.parse().unwrap_or_default();
    let label = |of: &Value| match of["tlp"].as_str() {
        Some(label) => label.parse().unwrap_or(Tlp::Red),
        None => Tlp::Clear,
    };
    label(&told["event"]).max(label(&told["feed"])) <= most
}

fn count(channel: &'static str, outcome: &'static str, notices: usize) {
    counter!("cybexp_report_notices_total", "channel" => channel, "outcome" => outcome)
        .increment(notices as u64);
}

/// Tells that notices were given up.
fn parked(receiver: &str, channel: &'static str, notices: u64) {
    if notices > 0 {
        tracing::warn!(
            receiver,
            notices,
            "notices that could not be delivered are parked"
        );
        count(channel, "parked", notices as usize);
    }
}

#[cfg(test)]
mod tests {
    use cybexp_store::Wanted;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_label_that_is_too_strict_does_not_leave() {
        let subscription = |tlp: &str| Subscription {
            user: String::new(),
            name: String::new(),
            wanted: Wanted::Feed {
                name: String::new(),
            },
            channel: Channel::Mail,
            tlp: tlp.to_owned(),
            made: 0.0,
        };
        for (told, most, leaves) in [
            (json!({"event": {}}), "clear", true),
            (json!({"event": {"tlp": "amber"}}), "green", false),
            (json!({"event": {"tlp": "amber"}}), "amber", true),
            (json!({"event": {"tlp": "red"}}), "amber-strict", false),
            (json!({"event": {"tlp": "unheard of"}}), "amber", false),
            (json!({"feed": {"tlp": "amber"}}), "green", false),
        ] {
            assert_eq!(
                may_leave(&told, &subscription(most)),
                leaves,
                "{told} {most}"
            );
        }
    }
}
