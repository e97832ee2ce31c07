//! Mails attached to a mail: analysts report mails by forwarding them so.

use tahoe_core::{Attribute, Node, Object};

use super::header::Headers;
use super::{people, words};
use crate::{Yield, vocab};

/// The longest subject that is kept.
const SUBJECT_BYTES: usize = 1024;

/// Makes the object `attached_mail`: sender, sending address and subject. `None` where the header has none of these.
pub(super) fn mail(headers: &Headers<'_>, made: &mut Yield) -> Option<Node> {
    let mut children = people::senders(headers, made);
    let subject = headers
        .first("Subject")
        .map(words::decoded)
        .unwrap_or_default();
    let subject = subject[..subject.floor_char_boundary(SUBJECT_BYTES)].trim_end();
    if !subject.is_empty() {
        children.push(Attribute::new(vocab::SUBJECT, subject).into());
    }
    Object::new(vocab::ATTACHED_MAIL, children)
        .ok()
        .map(Node::from)
}
