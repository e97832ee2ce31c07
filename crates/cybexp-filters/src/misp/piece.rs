//! Parts of an event, and how many of them one document holds.
//!
//! MongoDB's documents end at 16 MiB, and an event refers to all below it with hashes of 64 digits: some 50,000
//! attributes fill one. So pieces are packed, in the order in which they came, into as many documents as it takes.

use tahoe_core::{Attribute, Hash, Node, Object, Scalar, SubType};

/// What one attribute or object of MISP's becomes.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) nodes: Vec<Node>,
    /// Of the nodes and what is in them, what is in malicious context.
    pub(super) malicious: Vec<Hash>,
    /// What stands beside it on the event, in unknown context: hosts of URLs, tags.
    pub(super) beside: Vec<Attribute>,
    /// An upper bound of its bytes in a document.
    pub(super) cost: usize,
}

/// A hash in `_cref`, `_ref` and `_mal_ref`, each an element of a BSON array, and the array's element of the value.
const NODE_COST: usize = 3 * 80 + 24;

/// A quote, backslash or character beyond ASCII grows in the canonical form, doubling at each of up to seven levels. With
/// this weight the form of what costs 12 MiB ends at 96; forms may have 128.
const ESCAPE_COST: usize = 16;

impl Piece {
    /// An attribute; in malicious context if it is flagged.
    pub(super) fn attribute(attribute: Attribute, flagged: bool) -> Self {
        let mut piece = Self::default();
        piece.malicious.extend(flagged.then(|| attribute.hash()));
        piece.cost = cost(&attribute);
        piece.nodes.push(attribute.into());
        piece
    }

    /// With this beside it.
    pub(super) fn beside(mut self, attributes: impl IntoIterator<Item = Attribute>) -> Self {
        for attribute in attributes {
            self.cost += cost(&attribute);
            self.beside.push(attribute);
        }
        self
    }

    /// An object of these, malicious if anything in it is; `None` when it is one that cannot be.
    pub(super) fn object(sub_type: SubType, pieces: Vec<Self>) -> Option<Self> {
        let Self {
            nodes,
            mut malicious,
            beside,
            cost,
        } = Self::all(pieces);
        let object = Object::new(sub_type, nodes).ok()?;
        if !malicious.is_empty() {
            malicious.push(object.hash());
        }
        Some(Self {
            nodes: vec![object.into()],
            malicious,
            beside,
            cost: cost + NODE_COST,
        })
    }

    /// These as one.
    pub(super) fn all(pieces: Vec<Self>) -> Self {
        let mut all = Self::default();
        for piece in pieces {
            all.nodes.extend(piece.nodes);
            all.malicious.extend(piece.malicious);
            all.beside.extend(piece.beside);
            all.cost += piece.cost;
        }
        all
    }
}

fn cost(attribute: &Attribute) -> usize {
    let text = match attribute.data() {
        Scalar::Str(text) => text.as_str(),
        Scalar::Null | Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) => "",
    };
    let escaped = |b: &u8| !matches!(b, b' '..=b'~') || matches!(b, b'"' | b'\\');
    NODE_COST + text.len() + text.bytes().filter(|b| escaped(b)).count() * ESCAPE_COST
}

/// These in groups, each of which costs up to `limit`, or is one piece that costs more.
pub(super) fn pack(pieces: Vec<Piece>, limit: usize) -> Vec<Vec<Piece>> {
    let mut groups: Vec<Vec<Piece>> = Vec::new();
    let mut room = 0;
    for piece in pieces {
        match groups.last_mut() {
            Some(group) if piece.cost <= room => {
                room -= piece.cost;
                group.push(piece);
            }
            _ => {
                room = limit.saturating_sub(piece.cost);
                groups.push(vec![piece]);
            }
        }
    }
    groups
}
