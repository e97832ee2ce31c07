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
    /// An upper bound of its bytes in a document, as far as they do not depend on where it stands.
    plain: usize,
    /// What its quotes, backslashes and characters beyond ASCII take in the canonical form. Each is escaped anew at
    /// every level: one makes 8 characters on the event itself, and 4 times as many with each object around it.
    escaped: usize,
}

/// A hash in `_cref`, `_ref` and `_mal_ref`, each an element of a BSON array, and the array's element of the value.
const NODE_COST: usize = 3 * 80 + 24;

/// Of one in an attribute on the event.
const ESCAPE_COST: usize = 8;

/// How much that grows with an object around it.
const ESCAPE_GROWTH: usize = 4;

impl Piece {
    /// An attribute; in malicious context if it is flagged.
    pub(super) fn attribute(attribute: Attribute, flagged: bool) -> Self {
        let mut piece = Self::default();
        piece.malicious.extend(flagged.then(|| attribute.hash()));
        (piece.plain, piece.escaped) = costs(&attribute);
        piece.nodes.push(attribute.into());
        piece
    }

    /// With this beside it.
    pub(super) fn beside(mut self, attributes: impl IntoIterator<Item = Attribute>) -> Self {
        for attribute in attributes {
            let (plain, escaped) = costs(&attribute);
            self.plain += plain + escaped;
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
            plain,
            escaped,
        } = Self::all(pieces);
        let object = Object::new(sub_type, nodes).ok()?;
        if !malicious.is_empty() {
            malicious.push(object.hash());
        }
        Some(Self {
            nodes: vec![object.into()],
            malicious,
            beside,
            plain: plain + NODE_COST,
            escaped: escaped * ESCAPE_GROWTH,
        })
    }

    /// An upper bound of its bytes in a document or in the canonical form of that, where it stands.
    pub(super) fn cost(&self) -> usize {
        self.cost_below(0)
    }

    /// The same with so many more objects around it.
    pub(super) fn cost_below(&self, objects: u32) -> usize {
        self.plain + self.escaped * ESCAPE_GROWTH.pow(objects)
    }

    /// These as one.
    pub(super) fn all(pieces: Vec<Self>) -> Self {
        let mut all = Self::default();
        for piece in pieces {
            all.nodes.extend(piece.nodes);
            all.malicious.extend(piece.malicious);
            all.beside.extend(piece.beside);
            all.plain += piece.plain;
            all.escaped += piece.escaped;
        }
        all
    }
}

fn costs(attribute: &Attribute) -> (usize, usize) {
    let text = match attribute.data() {
        Scalar::Str(text) => text.as_str(),
        Scalar::Null | Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) => "",
    };
    let escaped = |c: &char| !matches!(c, ' '..='~') || matches!(c, '"' | '\\');
    let escaped = text.chars().filter(escaped).count();
    (NODE_COST + text.len(), escaped * ESCAPE_COST)
}

/// These in groups, each of which costs up to `limit`, or is one piece that costs more.
pub(super) fn pack(pieces: Vec<Piece>, limit: usize) -> Vec<Vec<Piece>> {
    let mut groups: Vec<Vec<Piece>> = Vec::new();
    let mut room = 0;
    for piece in pieces {
        match groups.last_mut() {
            Some(group) if piece.cost() <= room => {
                room -= piece.cost();
                group.push(piece);
            }
            _ => {
                room = limit.saturating_sub(piece.cost());
                groups.push(vec![piece]);
            }
        }
    }
    groups
}
