//! What of a login an agent may have refreshed: its tokens, and when they end.

use serde_json::Value;

/// A login with the tokens of `new`; `None` where nothing was refreshed, or anything else was changed.
pub(super) fn refreshed(old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let (old, new): (Value, Value) = (serde_json::from_slice(old).ok()?, serde_json::from_slice(new).ok()?);
    if old == new || !old.is_object() || !same("", &old, &new) {
        return None;
    }
    serde_json::to_vec_pretty(&new).ok()
}

/// Whether two values differ in nothing but what a refresh changes.
fn same(key: &str, old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.len() == new.len()
                && old.iter().all(|(key, old)| new.get(key).is_some_and(|new| same(key, old, new)))
        }
        _ if old == new => true,
        (Value::String(_), Value::String(new)) => turns(key) && is_token(new),
        (Value::Number(_), Value::Number(_)) => turns(key),
        _ => false,
    }
}

/// Whether a refresh changes what stands under this key.
fn turns(key: &str) -> bool {
    const KEYS: [&str; 10] = [
        "access",
        "refresh",
        "expires",
        "expires_at",
        "expiresat",
        "expires_in",
        "expiry",
        "expiry_date",
        "last_refresh",
        "refreshtokenexpiresat",
    ];
    let key = key.to_ascii_lowercase();
    key.ends_with("token") || KEYS.contains(&&*key)
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= 16 << 10 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bytes(value: &Value) -> Vec<u8> {
        serde_json::to_vec(value).unwrap()
    }

    #[test]
    fn of_a_login_fresh_tokens_come_back_and_nothing_else() {
        let old = json!({ "OPENAI_API_KEY": null, "last_refresh": "2026-01-01T00:00:00Z",
            "tokens": { "id_token": "a", "access_token": "b", "refresh_token": "c", "account_id": "me" } });
        let with = |change: &dyn Fn(&mut Value)| {
            let mut new = old.clone();
            change(&mut new);
            refreshed(&bytes(&old), &bytes(&new))
        };
        let fresh = with(&|new| {
            (new["tokens"]["access_token"], new["last_refresh"]) =
                ("d".into(), "2026-02-01T00:00:00Z".into());
        });
        assert_eq!(serde_json::from_slice::<Value>(&fresh.unwrap()).unwrap()["tokens"]["access_token"], "d");
        let refused: [&dyn Fn(&mut Value); 8] = [
            &|new| new["tokens"]["account_id"] = "other".into(),
            &|new| new["OPENAI_API_KEY"] = "key".into(),
            &|new| new["base_url"] = "http://other".into(),
            &|new| new["tokens"]["access_token"] = json!({ "a": 1 }),
            &|new| new["tokens"]["access_token"] = "a\nb".into(),
            &|new| new["tokens"]["access_token"] = "".into(),
            &|new| new["tokens"] = json!([]),
            &|_| {},
        ];
        for change in refused {
            assert_eq!(with(change), None);
        }
        assert_eq!(refreshed(b"no json", b"{}"), None);
    }
}
