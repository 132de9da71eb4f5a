//! D-Bus values as JSON, for people and scripts.

use serde_json::{Map, Number, Value};
use std::fmt::Write;
use zbus::{Array, Dict, Structure, Type, Variant};

/// `value` as JSON: octets (`ay`) become lower-case hexadecimal text, dictionaries with text as keys objects, other
/// dictionaries arrays of pairs, structures arrays. What has no meaning outside the bus (file descriptors) and floating
/// point numbers that JSON lacks become null.
pub fn to_json(value: &Variant<'_>) -> Value {
    match value {
        Variant::U8(n) => Value::from(*n),
        Variant::Bool(b) => Value::from(*b),
        Variant::I16(n) => Value::from(*n),
        Variant::U16(n) => Value::from(*n),
        Variant::I32(n) => Value::from(*n),
        Variant::U32(n) => Value::from(*n),
        Variant::I64(n) => Value::from(*n),
        Variant::U64(n) => Value::from(*n),
        Variant::F64(n) => Number::from_f64(*n).map_or(Value::Null, Value::Number),
        Variant::Str(text) => Value::from(text.as_str()),
        Variant::Signature(signature) => Value::from(signature.to_string()),
        Variant::ObjectPath(path) => Value::from(path.as_str()),
        Variant::Variant(inner) => to_json(inner),
        Variant::Array(array) => array_to_json(array),
        Variant::Dict(dict) => dict_to_json(dict),
        Variant::Structure(structure) => structure_to_json(structure),
        _ => Value::Null,
    }
}

fn array_to_json(array: &Array<'_>) -> Value {
    if array.element_signature() != u8::SIGNATURE {
        return Value::Array(array.iter().map(to_json).collect());
    }
    let hex = array.iter().fold(String::with_capacity(array.len() * 2), |mut text, octet| {
        if let Variant::U8(octet) = octet {
            let _ = write!(text, "{octet:02x}");
        }
        text
    });
    Value::String(hex)
}

fn dict_to_json(dict: &Dict<'_, '_>) -> Value {
    let named: Option<Map<String, Value>> = dict
        .iter()
        .map(|(key, value)| match key {
            Variant::Str(key) => Some((key.as_str().to_owned(), to_json(value))),
            _ => None,
        })
        .collect();
    named.map_or_else(
        || dict.iter().map(|(key, value)| Value::Array(vec![to_json(key), to_json(value)])).collect(),
        Value::Object,
    )
}

fn structure_to_json(structure: &Structure<'_>) -> Value {
    structure.fields().iter().map(to_json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::HashMap;

    #[test]
    fn octets_are_hexadecimal_and_dictionaries_objects() {
        let bytes: Vec<u8> = vec![0, 0xff];
        let inner = HashMap::from([("bytes", Variant::from(bytes)), ("n", Variant::from(7_u64))]);
        let list = Variant::from(vec![("a", 1_u32)]);
        let outer = HashMap::from([("inner", Variant::from(inner)), ("list", list)]);
        assert_eq!(
            to_json(&Variant::from(outer)),
            json!({"inner": {"bytes": "00ff", "n": 7}, "list": [["a", 1]]})
        );
    }

    #[test]
    fn an_empty_octet_string_is_empty_text_and_an_empty_list_an_empty_list() {
        assert_eq!(to_json(&Variant::from(Vec::<u8>::new())), json!(""));
        assert_eq!(to_json(&Variant::from(Vec::<String>::new())), json!([]));
    }

    #[test]
    fn numbers_as_keys_make_pairs() {
        let dict = HashMap::from([(3_u16, "x")]);
        assert_eq!(to_json(&Variant::from(dict)), json!([[3, "x"]]));
    }
}
