//! The description of a question's fields, made of the table that the reader has.

use std::borrow::Cow;

use serde_json::Value;
use tahoe_core::question::field::{ALL, FIELDS, FieldKind};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, Object, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

/// The fields of a question, for the description only: a question is read from its canonical form.
pub(super) struct QuestionFields;

impl ToSchema for QuestionFields {
    fn name() -> Cow<'static, str> {
        "Fields".into()
    }
}

impl PartialSchema for QuestionFields {
    fn schema() -> RefOr<Schema> {
        let about = "The fields of a question: for most types either `sub_type` and `data` or `_hash`, and conditions; for `top`, `search` \
             and `new` a `sub_type`, and for `quarantine` nothing.";
        let mut fields = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(about))
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        for field in FIELDS {
            fields = fields.property(field.name, value(field.kind, field.about));
        }
        fields.build().into()
    }
}

/// Describes the values of one field. Every field may be `null`.
fn value(kind: FieldKind, about: &str) -> Object {
    let types = |kinds: &[Type]| SchemaType::from_iter(kinds.iter().cloned().chain([Type::Null]));
    let value = ObjectBuilder::new().description(Some(about));
    match kind {
        FieldKind::Text => value.schema_type(types(&[Type::String])),
        FieldKind::Hash => value
            .schema_type(types(&[Type::String]))
            .pattern(Some("^[0-9A-Fa-f]{64}$")),
        FieldKind::Scalar => value.schema_type(types(&[Type::String, Type::Number, Type::Boolean])),
        FieldKind::Time => value.schema_type(types(&[Type::String, Type::Number])),
        FieldKind::Integer(bounds) => value
            .schema_type(types(&[Type::Integer]))
            .minimum(Some(bounds.least))
            .maximum(Some(bounds.most))
            .default(Some(bounds.default.into())),
        FieldKind::Choice(names) => value
            .schema_type(types(&[Type::String]))
            .enum_values(Some(
                names
                    .iter()
                    .chain([&ALL])
                    .map(|name| Value::from(*name))
                    .chain([Value::Null]),
            ))
            .default(Some(ALL.into())),
        FieldKind::Name(names) => value.schema_type(types(&[Type::String])).enum_values(Some(
            names
                .iter()
                .map(|name| Value::from(*name))
                .chain([Value::Null]),
        )),
        FieldKind::Bool(default) => value
            .schema_type(types(&[Type::Boolean]))
            .default(Some(default.into())),
    }
    .build()
}
