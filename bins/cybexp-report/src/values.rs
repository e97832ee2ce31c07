//! Lists of values, as several reports have them: the kinds of a sub_type, and rows with their data.

use std::collections::HashMap;

use cybexp_filters::vocabulary;
use cybexp_store::{InstanceRow, StoreError};
use serde_json::{Value, json};
use tahoe_core::{Attribute, Hash, Scalar, SubType};

use crate::sources::Asked;

/// Returns the sub_types that a question about a sub_type means.
pub(crate) fn kinds(sub_type: &SubType) -> Vec<&str> {
    match sub_type.as_str() {
        "ip" => vec!["ipv4", "ipv6"],
        other => vec![other],
    }
}

/// Returns the reason why nothing was found of this sub_type, if it is one that no filter makes.
pub(crate) fn unknown(sub_type: &SubType) -> Option<String> {
    let name = sub_type.as_str();
    let known = kinds(sub_type).into_iter().any(vocabulary::is_known);
    (!known).then(|| {
        format!(
            "field sub_type: nothing was found of `{}`: {}",
            name.chars().take(60).collect::<String>(),
            vocabulary::hint(name)
        )
    })
}

/// Returns the values of attributes by hash, as long as they have `room` bytes together, short ones first; and whether
/// some had no room. The bytes are taken from the room.
pub(crate) async fn read(
    hashes: &[Hash],
    room: &mut usize,
    asked: Asked<'_>,
) -> Result<(HashMap<Hash, InstanceRow>, bool), StoreError> {
    let Asked {
        sources, visible, ..
    } = asked;
    let all = hashes.iter().copied();
    let (nodes, cut) = match sources.nodes_up_to(all, *room).await? {
        Some(nodes) => (nodes, false),
        None => {
            let mut sizes = sources.archive.sizes(hashes, None, visible).await?;
            sizes.sort_unstable_by_key(|size| (size.bytes, size.hash));
            let mut left = *room;
            let fits = sizes.iter().take_while(|size| {
                let bytes = usize::try_from(size.bytes).unwrap_or(usize::MAX);
                let rest = left.checked_sub(bytes);
                left = rest.unwrap_or(left);
                rest.is_some()
            });
            let fits: Vec<Hash> = fits.map(|size| size.hash).collect();
            (sources.nodes(fits).await?, true)
        }
    };
    let bytes = nodes.iter().map(InstanceRow::bytes);
    *room = room.saturating_sub(bytes.fold(0, usize::saturating_add));
    let nodes = nodes.into_iter().map(|node| (node.hash, node));
    Ok((nodes.collect(), cut))
}

/// Makes a row of a list: the value, with these fields, and the allow lists that hold it.
pub(crate) fn row(node: &InstanceRow, field: &str, value: Value, asked: Asked<'_>) -> Value {
    let data = node.data.clone().unwrap_or_default();
    let lists = match (SubType::new(&node.sub_type), Scalar::try_from(&data)) {
        (Ok(sub_type), Ok(data)) => {
            let attribute = Attribute::new(sub_type, data);
            asked.sources.known_good.find(&attribute)
        }
        _ => vec![],
    };
    let mut row = json!({"sub_type": node.sub_type, "data": data, field: value});
    if !lists.is_empty() {
        row["known_good"] = json!(lists);
    }
    row
}
