//! Events: content, references, the elements by which they are found, and what these name.

use std::collections::{BTreeMap, HashSet};

use bson::{Bson, RawDocument, RawDocumentBuf};
use tahoe_core::{Event, Hash, Instance, Node, Tlp};

use crate::archive::ids::{OrgTag, SessionId};
use crate::archive::keys::{self, Nature};
use crate::archive::stored::{self, DERIVED, TLP};
use crate::error::StoreError;
use crate::mongo::find::ASK;
use crate::sweep::named::{self, Naming};
use crate::sweep::rows as rows_of_sweep;
use crate::values::row::{self, StoredRow};
use crate::values::write;
use crate::verify::content::{self, id_of};
use crate::verify::context::Context;
use crate::verify::fault::{FaultKind, Findings};
use crate::verify::look;
use crate::verify::names::Names;

/// An event with the elements of its list.
struct Read<'a> {
    key: Bson,
    event: Event,
    org: OrgTag,
    nature: Nature,
    /// The elements that are not made of the event itself.
    others: Vec<&'a [u8]>,
}

/// Checks the events of a page. What they name is added to `names`.
pub(super) async fn check(
    context: &mut Context,
    names: &mut Names,
    page: &[RawDocumentBuf],
) -> Result<Findings, StoreError> {
    let mut found = Findings::default();
    let mut events = Vec::new();
    for document in page {
        if let Some(Instance::Event(event)) = content::instance(document, &mut found) {
            event
                .children()
                .refs()
                .iter()
                .for_each(|hash| names.add(*hash));
            events.push(read(document, event, &mut found));
        }
    }
    references(context, &events, &mut found).await?;
    sessions(context, &events, &mut found).await?;
    raws(context, &events, &mut found).await?;
    sources(context, &events, &mut found).await?;
    if context.values_whole {
        values(context, &events, &mut found).await?;
    }
    for read in &events {
        let orgid = read.event.orgid().as_str();
        if context.is_unregistered(orgid) {
            let words = format!(
                "its organisation {orgid} is not registered: a sweep would delete what its events name"
            );
            found.add(FaultKind::Org, read.key.clone(), words);
        }
    }
    Ok(found)
}

fn read<'a>(document: &'a RawDocument, event: Event, found: &mut Findings) -> Read<'a> {
    let key = id_of(document);
    let org = OrgTag::of(event.orgid().as_str());
    let elements = document.get_array("_keys").ok().into_iter().flatten();
    let elements: Vec<&[u8]> = elements
        .flatten()
        .filter_map(|element| Some(element.as_binary()?.bytes))
        .collect();
    let is_derived = document.get_bool(DERIVED).unwrap_or(false);
    let nature = match is_derived {
        false => Nature::Observed,
        true if elements.iter().any(|element| keys::is_of_source(element)) => Nature::Derived,
        true => Nature::Verdict,
    };
    let mut own: HashSet<Vec<u8>> = keys::of_event(&event, &org, nature)
        .filter_map(bytes)
        .collect();
    if nature == Nature::Observed {
        own.insert(keys::of_org(&org).to_vec());
        let tlp = document.get_str(TLP).ok().and_then(|tlp| tlp.parse().ok());
        own.extend(tlp.and_then(|tlp| stored::label(&org, tlp)).and_then(bytes));
    }
    let listed: HashSet<&[u8]> = elements.iter().copied().collect();
    let lacks = own.iter().filter(|one| !listed.contains(&one[..])).count();
    let others = elements.iter().copied().filter(|one| !own.contains(*one));
    let others: Vec<&[u8]> = others.collect();
    let known = |element: &&&[u8]| {
        // labels of before stay where a stricter one came, and an earlier release gave no time to what it derived
        ***element == keys::timed(&org)[..]
            || Tlp::ALL
                .iter()
                .any(|tlp| ***element == keys::of_label(&org, *tlp)[..])
            || keys::session_of(element).is_some()
            || keys::is_of_raw(element)
            || keys::is_of_source(element)
    };
    let odd = others.len() - others.iter().filter(known).count();
    if lacks + odd > 0 || listed.len() != elements.len() {
        let words = format!(
            "its list of index elements lacks {lacks}, has {odd} that are none of it, and {} twice: answers miss it, or \
             show it wrongly",
            elements.len() - listed.len()
        );
        found.add(FaultKind::Keys, key.clone(), words);
    }
    if document.get_i64("_tie").ok() != Some(keys::tie(event.hash())) {
        let words = "its place among events of the same time (_tie) is wrong";
        found.add(FaultKind::Keys, key.clone(), words);
    }
    Read {
        key,
        event,
        org,
        nature,
        others,
    }
}

fn bytes(element: Bson) -> Option<Vec<u8>> {
    match element {
        Bson::Binary(element) => Some(element.bytes),
        _ => None,
    }
}

async fn references(
    context: &mut Context,
    events: &[Read<'_>],
    found: &mut Findings,
) -> Result<(), StoreError> {
    let wanted = events
        .iter()
        .flat_map(|read| read.event.children().refs().iter().copied());
    let missing = look::missing(context, &wanted.collect()).await?;
    for read in events {
        let refs = read.event.children().refs();
        if let Some(hash) = refs.iter().find(|hash| missing.contains(*hash)) {
            let words = format!("it refers to {hash}, which is not there");
            found.add(FaultKind::Reference, read.key.clone(), words);
        }
    }
    Ok(())
}

async fn sessions(
    context: &Context,
    events: &[Read<'_>],
    found: &mut Findings,
) -> Result<(), StoreError> {
    let named = |read: &Read<'_>| {
        let named = read.others.iter().filter_map(|one| keys::session_of(one));
        named.collect::<Vec<SessionId>>()
    };
    let wanted = events.iter().flat_map(named);
    let wanted = wanted.map(|id| id.bytes().to_vec()).collect();
    let stored = look::stored(context, &wanted).await?;
    for read in events {
        for session in named(read) {
            let words = if session != SessionId::of(session.hash(), &read.org) {
                format!(
                    "it names the session {} of another organisation",
                    session.hash()
                )
            } else if !stored.holds(&session.bson()) {
                format!(
                    "it names the session {}, which is not there",
                    session.hash()
                )
            } else {
                continue;
            };
            found.add(FaultKind::EventSession, read.key.clone(), words);
        }
    }
    Ok(())
}

async fn raws(
    context: &Context,
    events: &[Read<'_>],
    found: &mut Findings,
) -> Result<(), StoreError> {
    let parts = |read: &Read<'_>| {
        let raws = read.others.iter().filter(|one| keys::is_of_raw(one));
        raws.map(|one| keys::raw_of(one).to_vec())
            .collect::<Vec<_>>()
    };
    let missing = look::missing_raws(context, &events.iter().flat_map(parts).collect()).await?;
    for read in events {
        if let Some(part) = parts(read).iter().find(|part| missing.contains(*part)) {
            let begin = keys::hash_of_raw(part).iter();
            let begin: String = begin.map(|byte| format!("{byte:02x}")).collect();
            let words = format!("it was made of the raw {begin}…, which is not there");
            found.add(FaultKind::EventRaw, read.key.clone(), words);
        }
    }
    Ok(())
}

/// Checks that derived events name what they were derived from, and that observed events hold it still.
async fn sources(
    context: &Context,
    events: &[Read<'_>],
    found: &mut Findings,
) -> Result<(), StoreError> {
    // each source once, with the first event that was derived from it
    let mut asked: BTreeMap<(Vec<u8>, Hash), &Read<'_>> = BTreeMap::new();
    for read in events.iter().filter(|read| read.nature == Nature::Derived) {
        let links = read.others.iter().filter_map(|one| keys::session_of(one));
        let links = links.map(|session| session.hash());
        let refs = read.event.children().refs().iter().copied();
        let sources: Vec<Hash> = links.chain(refs).collect();
        for element in read.others.iter().filter(|one| keys::is_of_source(one)) {
            let source = sources.iter().find(|hash| {
                let mut second = context.options.second.iter();
                second.any(|name| keys::of_source(&read.org, **hash, name)[..] == **element)
            });
            match source {
                Some(source) => {
                    let org = read.org.bytes().to_vec();
                    asked.entry((org, *source)).or_insert(read);
                }
                None => {
                    let words = "it was derived from something that it does not hold, or by an unknown filter";
                    found.add(FaultKind::Source, read.key.clone(), words);
                }
            }
        }
    }
    let elements = asked.iter().map(|((_, source), read)| {
        let refs = keys::references(&read.org, *source, Naming::Lasting.kinds());
        let session = SessionId::of(*source, &read.org).bson();
        refs.chain([session]).collect::<Vec<Bson>>()
    });
    let elements: Vec<Vec<Bson>> = elements.collect();
    let held = look::any_event(&context.archive().coll, &elements).await?;
    let alone = asked.iter().zip(held).filter(|(_, held)| !held);
    let alone: Vec<_> = alone.map(|(one, _)| one).collect();
    let node = |org: &[u8], source: Hash, read: &Read<'_>| {
        let session = SessionId::of(source, &read.org).bytes().to_vec();
        [source.as_bytes().to_vec(), session].map(|id| (id, org.to_vec()))
    };
    let nodes: Vec<_> = alone
        .iter()
        .flat_map(|((org, source), read)| node(org, *source, read))
        .collect();
    let candidates = look::candidates(context, &nodes).await?;
    for ((org, source), read) in alone {
        let of_it = node(org, *source, read);
        let mut of_it = of_it
            .iter()
            .map(|(id, org)| rows_of_sweep::candidate_id(id, org));
        if !of_it.any(|id| candidates.contains(&id)) {
            let words = format!("it was derived from {source}, which no observed event holds");
            found.add(FaultKind::SourceAlone, read.key.clone(), words);
        }
    }
    Ok(())
}

/// Checks that the values of observed events have rows that begin early enough.
async fn values(
    context: &Context,
    events: &[Read<'_>],
    found: &mut Findings,
) -> Result<(), StoreError> {
    let mut wanted: BTreeMap<String, (f64, usize)> = BTreeMap::new();
    for (place, read) in events.iter().enumerate() {
        if read.nature != Nature::Observed {
            continue;
        }
        let at = read.event.timestamp().get();
        let mut left: Vec<&Node> = read.event.children().iter().collect();
        while let Some(node) = left.pop() {
            match node {
                Node::Object(object) => left.extend(object.children().iter()),
                Node::Attribute(attribute) => {
                    let Some(id) = row::id(&read.org, attribute) else {
                        continue;
                    };
                    let first = wanted.entry(id).or_insert((at, place));
                    if at < first.0 {
                        *first = (at, place);
                    }
                }
            }
        }
    }
    let ids: Vec<&str> = wanted.keys().map(String::as_str).collect();
    let mut rows: BTreeMap<String, StoredRow> = BTreeMap::new();
    for part in ids.chunks(ASK) {
        let stored: Vec<StoredRow> = write::known(part).read(&context.archive().values).await?;
        rows.extend(stored.into_iter().map(|row| (row.id.clone(), row)));
    }
    // a row is hidden when its last event is removed, and shown again some minutes after an event came
    let hidden = |id: &str, place: usize| {
        let (_, _, hash) = row::read_id(id)?;
        Some(rows_of_sweep::value_id(hash, events[place].org.bytes()))
    };
    let gone = wanted
        .iter()
        .filter(|(id, _)| rows.get(*id).is_some_and(|row| row.gone));
    let gone: Vec<Vec<u8>> = gone
        .filter_map(|(id, (_, place))| hidden(id, *place))
        .collect();
    let noted = look::noted(context, gone.into_iter()).await?;
    for (id, (at, place)) in &wanted {
        let told = match rows.get(id) {
            None => "has no row".to_owned(),
            Some(row) if row.gone => {
                if hidden(id, *place).is_some_and(|id| noted.contains(&id)) {
                    continue;
                }
                "has a row that says it is gone".to_owned()
            }
            Some(row) if row.first > *at => {
                format!("has a row that begins later, at {}", row.first)
            }
            Some(_) => continue,
        };
        let (sub_type, hash) = row::told(id);
        let words = format!("its value {sub_type} {hash} {told}: search and new miss it");
        found.add(FaultKind::ValueLacks, events[*place].key.clone(), words);
    }
    Ok(())
}

/// Returns those of these nodes, attributes and objects, that nothing of any organisation names.
pub(super) async fn unnamed(context: &Context, nodes: &[Hash]) -> Result<Vec<Hash>, StoreError> {
    let orgs = &context.orgs;
    let coll = &context.archive().coll;
    let mut left: Vec<Hash> = nodes.to_vec();
    // organisations one after the other: most nodes are named by few of them
    for org in orgs {
        let elements = left
            .iter()
            .map(|hash| keys::references(org, *hash, Naming::Any.kinds()).collect::<Vec<_>>());
        let any = look::any_event(coll, &elements.collect::<Vec<_>>()).await?;
        let still = left.iter().zip(any).filter(|(_, any)| !any);
        left = still.map(|(hash, _)| *hash).collect();
    }
    let asked: Vec<_> = left
        .iter()
        .map(|hash| (named::Nameable::Node(*hash), orgs.clone()))
        .collect();
    let named = named::named(coll, Naming::Any, &asked).await?;
    let unnamed = left.into_iter().zip(named).filter(|(_, named)| !named);
    Ok(unnamed.map(|(hash, _)| hash).collect())
}
