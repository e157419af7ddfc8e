//! Bodies as a whole: what is no JSON object, too deep, too large, or sent as something else.

use e2e::{Answer, Client, new_tenant};
use serde_json::{Value, json};

use super::{call, nested, nothing_is_stored, order, with};

const MIB: usize = 1024 * 1024;

/// Every route that takes a body, and one that is right.
fn writes() -> [(&'static str, Value); 5] {
    [
        ("/v1/interactions", call("hostile-1")),
        ("/v1/interactions/batch", json!({"items": [call("hostile-1")]})),
        ("/v1/conversions", order("hostile-1")),
        ("/v1/conversions/batch", json!({"items": [order("hostile-1")]})),
        ("/v1/attribution/runs", json!({"model_code": "LINEAR"})),
    ]
}

async fn send(shop: &Client, path: &str, media: Option<&str>, body: Vec<u8>) -> Answer {
    let headers: Vec<_> = media.map(|media| ("content-type", media)).into_iter().collect();
    shop.send("POST", path, &headers, body).await
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused_by_every_route() {
    let shop = new_tenant().await;
    for (path, right) in writes() {
        let right = right.to_string();
        let cut = &right[..right.len() - 1];
        let cases: Vec<Vec<u8>> = vec![
            Vec::new(),
            b"   ".to_vec(),
            b"null".to_vec(),
            b"\"text\"".to_vec(),
            b"7".to_vec(),
            b"[]".to_vec(),
            format!("[{right}]").into_bytes(),
            cut.into(),
            format!("{right}}}").into_bytes(),
            format!("{right} trailing").into_bytes(),
            format!("{right}{right}").into_bytes(),
            format!("{cut},}}").into_bytes(),
            format!("{cut},\"x\":NaN}}").into_bytes(),
            format!("{cut},\"x\":Infinity}}").into_bytes(),
            format!("{cut},\"x\":0x10}}").into_bytes(),
            format!("{cut},\"x\":01}}").into_bytes(),
            format!("{cut},'x':1}}").into_bytes(),
            format!("{cut}/* x */}}").into_bytes(),
            format!("\u{feff}{right}").into_bytes(),
            [cut.as_bytes(), b",\"x\":\"\xff\"}"].concat(),
            [cut.as_bytes(), b",\"x\":\"\xed\xa0\x80\"}"].concat(),
            [b"\x1f\x8b\x08", right.as_bytes()].concat(),
            right.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ];
        for body in cases {
            let shown = String::from_utf8_lossy(&body).into_owned();
            let answer = send(&shop, path, Some("application/json"), body).await;
            assert_eq!(answer.refusal(), "400 INVALID_JSON", "{path} {shown}: {}", answer.text);
        }
    }
    nothing_is_stored(&shop, "hostile-1").await;
    assert!(shop.list("/v1/attribution/runs").await.is_empty());
}

#[tokio::test]
async fn a_field_that_stands_twice_is_refused() {
    let shop = new_tenant().await;
    for (path, right, field) in [
        ("/v1/interactions", call("hostile-1"), "channel"),
        ("/v1/conversions", order("hostile-1"), "currency"),
        ("/v1/attribution/runs", json!({"model_code": "LINEAR"}), "model_code"),
    ] {
        let (right, value) = (right.to_string(), right[field].to_string());
        for again in [field.to_owned(), field.replace('c', "\\u0063")] {
            let twice = format!("{},\"{again}\":{value}}}", &right[..right.len() - 1]);
            let answer = shop.post_text(path, &twice).await;
            assert_eq!(answer.refusal(), format!("400 VALIDATION_ERROR {field}"), "{}", answer.text);
        }
    }
    let twice = r#"[{"type":"phone","value":"+14155550123","value":"+14155550124"}]"#;
    let body = with(call("hostile-1"), "/customer_identifiers", json!("LIST")).to_string();
    let answer = shop.post_text("/v1/interactions", &body.replace("\"LIST\"", twice)).await;
    assert_eq!(answer.refusal(), "400 VALIDATION_ERROR customer_identifiers[0].value");
    nothing_is_stored(&shop, "hostile-1").await;
}

#[tokio::test]
async fn a_body_may_be_32_levels_deep_and_no_deeper() {
    for (path, right, field) in [
        ("/v1/interactions", call("hostile-1"), "/raw_metadata"),
        ("/v1/conversions", order("hostile-1"), "/metadata"),
    ] {
        let shop = new_tenant().await;
        // The body and the object that the field must be are two levels.
        let deep = |levels: usize| {
            let body = with(right.clone(), field, json!({"x": "DEEP"})).to_string();
            body.replace("\"DEEP\"", &nested(levels - 2))
        };
        for levels in [33, 200, 100_000] {
            let answer = shop.post_text(path, &deep(levels)).await;
            assert_eq!(answer.refusal(), "400 INVALID_JSON body", "{path} {levels}: {}", answer.text);
        }
        let answer = shop.post_text(path, &"[".repeat(500_000)).await;
        assert_eq!(answer.refusal(), "400 INVALID_JSON body", "{path}");
        nothing_is_stored(&shop, "hostile-1").await;
        assert_eq!(shop.post_text(path, &deep(32)).await.status, 201, "{path}");
        let stored = shop.get(&format!("{path}/ext:hostile-1")).await;
        assert!(stored.text.contains(&nested(30)), "{path}: {}", stored.text);
    }
}

#[tokio::test]
async fn a_body_may_have_one_mebibyte_and_no_byte_more() {
    for (path, right) in writes() {
        let shop = new_tenant().await;
        let right = right.to_string();
        let padded = |size: usize| format!("{right}{}", " ".repeat(size - right.len())).into_bytes();
        let answer = send(&shop, path, Some("application/json"), padded(MIB + 1)).await;
        assert_eq!(answer.refusal(), "413 PAYLOAD_TOO_LARGE", "{path}");
        nothing_is_stored(&shop, "hostile-1").await;
        let answer = send(&shop, path, Some("application/json"), padded(MIB)).await;
        assert!((200..202).contains(&answer.status), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_body_sent_as_something_else_than_json_is_refused() {
    let shop = new_tenant().await;
    for (path, right) in writes() {
        for media in [
            "text/plain",
            "text/html; charset=utf-8",
            "application/xml",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/octet-stream",
            "application/jsonp",
            "json",
            "*/*",
        ] {
            let answer = send(&shop, path, Some(media), right.to_string().into_bytes()).await;
            assert_eq!(answer.refusal(), "415 UNSUPPORTED_MEDIA_TYPE", "{path} {media}: {}", answer.text);
        }
        let form = b"external_interaction_id=hostile-1&channel=call".to_vec();
        let answer = send(&shop, path, Some("application/x-www-form-urlencoded"), form.clone()).await;
        assert_eq!(answer.refusal(), "415 UNSUPPORTED_MEDIA_TYPE", "{path}");
        // A form that says nothing of itself is no JSON.
        let answer = send(&shop, path, None, form).await;
        assert_eq!(answer.refusal(), "400 INVALID_JSON", "{path}");
    }
    nothing_is_stored(&shop, "hostile-1").await;
}

#[tokio::test]
async fn a_body_without_a_content_type_or_with_json_in_other_words_is_read() {
    let shop = new_tenant().await;
    for (index, media) in [
        None,
        Some("application/json"),
        Some("Application/JSON; charset=UTF-8"),
        Some("application/vnd.acme.order+json"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = order(&format!("order-{index}")).to_string().into_bytes();
        let answer = send(&shop, "/v1/conversions", media, body).await;
        assert_eq!(answer.status, 201, "{media:?}: {}", answer.text);
    }
}
