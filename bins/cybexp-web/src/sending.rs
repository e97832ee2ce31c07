//! The sending of records, many in one submission. No page is in it.

use std::collections::BTreeMap;

use axum::body::Bytes;
use cybexp_client::{Client, ClientError};
use tahoe_core::SubmissionTags;

/// The most records and bytes of one submission. The API takes more, but a submission is charged as a whole.
const RECORDS: usize = 10_000;
const BYTES: usize = 4 << 20;

/// Records of one file that go together.
pub(crate) struct Batch {
    pub(crate) tags: SubmissionTags,
    /// The name of the file.
    pub(crate) name: String,
    /// The records, each with its number in the file, from 1.
    pub(crate) records: Vec<(u32, Bytes)>,
}

/// The result of sending a batch.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// The API's id of the submission, and the numbers of the records in it; `None` if all were refused.
    pub(crate) taken: Option<(String, Vec<u32>)>,
    /// The numbers of the records that were refused, with the reasons.
    pub(crate) refused: Vec<(u32, String)>,
}

/// Divides the records of a file into batches.
pub(crate) fn batches(
    tags: &SubmissionTags,
    name: &str,
    records: impl Iterator<Item = Bytes>,
) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut room = 0;
    for (n, record) in (1..).zip(records) {
        let fits = record.len() <= room;
        match batches.last_mut() {
            Some(batch) if fits && batch.records.len() < RECORDS => {
                room -= record.len();
                batch.records.push((n, record));
            }
            _ => {
                room = BYTES.saturating_sub(record.len());
                batches.push(Batch {
                    tags: tags.clone(),
                    name: name.to_owned(),
                    records: vec![(n, record)],
                });
            }
        }
    }
    batches
}

/// Sends a batch. Records that the API names as bad are left out, and the others sent again without them.
///
/// # Errors
/// The API cannot be reached, or fails: other batches would meet the same.
pub(crate) async fn send(client: &Client, batch: Batch) -> Result<Sent, ClientError> {
    let Batch {
        tags,
        name,
        mut records,
    } = batch;
    let mut sent = Sent::default();
    while !records.is_empty() {
        let bytes: Vec<&Bytes> = records.iter().map(|(_, record)| record).collect();
        match client.submit_traced(&tags, &name, &bytes).await {
            Ok(id) => {
                let numbers = records.iter().map(|(n, _)| *n).collect();
                sent.taken = Some((id, numbers));
                break;
            }
            Err(ClientError::Refused { message, bad, .. }) => {
                let before = records.len();
                let mut bad: BTreeMap<usize, String> = bad.into_iter().collect();
                let mut places = 0..;
                records.retain(|(number, _)| {
                    let reason = places.next().and_then(|place| bad.remove(&place));
                    let stays = reason.is_none();
                    sent.refused.extend(reason.map(|reason| (*number, reason)));
                    stays
                });
                if records.len() == before {
                    // no record is at fault more than the others
                    let all = records.drain(..).map(|(n, _)| (n, message.clone()));
                    sent.refused.extend(all);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_records_go_together_and_large_ones_alone() {
        let tags = SubmissionTags {
            typetag: "cowrie".to_owned(),
            orgid: "a".to_owned(),
            timezone: "UTC".to_owned(),
            tlp: None,
        };
        let of = |sizes: &[usize]| -> Vec<Vec<u32>> {
            let records = sizes.iter().map(|size| Bytes::from(vec![b'x'; *size]));
            let made = batches(&tags, "a.json", records);
            let numbers = |batch: &Batch| batch.records.iter().map(|(n, _)| *n).collect();
            made.iter().map(numbers).collect()
        };
        assert_eq!(of(&[1, 2, 3]), [[1, 2, 3]]);
        assert_eq!(of(&[BYTES, 1, 1]), [vec![1], vec![2, 3]]);
        assert_eq!(of(&[1, BYTES + 1, 1]), [vec![1], vec![2], vec![3]]);
        assert_eq!(of(&vec![1; RECORDS + 1]).len(), 2);
        assert!(of(&[]).is_empty());
    }
}
