//! Events that the second stage would make of the made-up archive: places of addresses, and behaviours of sessions.

use std::collections::HashSet;

use cybexp_store::{DerivedFrom, GraphBatch};
use tahoe_core::{Event, Finite, Hash, Node, Object, OrgId, SubType};

use super::honeypots::attribute;

/// The numbers of different countries, networks and behaviours.
const COUNTRIES: u64 = 200;
const NETWORKS: u64 = 3_000;
const BEHAVIOURS: u64 = 2_000;

/// Makes derived events, each once.
#[derive(Debug, Default)]
pub(super) struct Derivation {
    known: HashSet<Hash>,
}

impl Derivation {
    /// Adds the place of an address of an organisation, unless it was added before.
    pub(super) fn add_place(
        &mut self,
        batch: &mut GraphBatch,
        orgid: &OrgId,
        ip: &str,
    ) -> anyhow::Result<()> {
        if !self.known.insert(Hash::of(&[orgid.as_str(), ip])) {
            return Ok(());
        }
        let n = number(ip);
        let address = attribute("ipv4", ip);
        let source = DerivedFrom::Attribute(address.hash());
        let letter = |n: u64| char::from(b'A' + (n % 26) as u8);
        let country = n % COUNTRIES;
        let children: Vec<Node> = vec![
            address.into(),
            attribute(
                "country_code2",
                &format!("{}{}", letter(country), letter(country / 26)),
            )
            .into(),
            attribute("cidr", &format!("2001:db8:{:x}::/48", n % NETWORKS)).into(),
        ];
        let kind = SubType::from_static("geoip");
        let place = Object::new(kind.clone(), children)?;
        let event = Event::new(kind, orgid.clone(), Finite::new(0.0)?, vec![place.into()])?;
        batch.add_derived(event, source, "geoip");
        Ok(())
    }

    /// Adds the behaviour of a session that ended at this time, in Unix seconds.
    pub(super) fn add_behaviour(
        &mut self,
        batch: &mut GraphBatch,
        orgid: &OrgId,
        session: Hash,
        end_s: f64,
    ) -> anyhow::Result<()> {
        // the product of two even distributions: some behaviours are far more frequent than others
        let n = number(&session.to_string());
        let behaviour = (n % BEHAVIOURS) * (n / BEHAVIOURS % BEHAVIOURS) / BEHAVIOURS;
        let kind = SubType::from_static("behaviour");
        let children = vec![attribute("behaviour", &format!("{behaviour:024x}")).into()];
        let event = Event::new(kind, orgid.clone(), Finite::new(end_s)?, children)?;
        batch.add_derived(event, DerivedFrom::Session(session), "behaviour");
        Ok(())
    }
}

/// Returns a number that is the same for the same text.
fn number(text: &str) -> u64 {
    let hash = Hash::of(&[text]);
    let (first, _) = hash.as_bytes().split_at(8);
    first
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
