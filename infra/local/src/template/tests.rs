use super::*;

fn read(text: &str) -> Result<Template, TemplateError> {
    Template::read(text, &BTreeMap::new())
}

/// The embedded template with one text replaced by another.
fn changed(from: &str, to: &str) -> String {
    assert!(EMBEDDED.contains(from), "the template holds no {from}");
    EMBEDDED.replacen(from, to, 1)
}

fn refusal(from: &str, to: &str) -> String {
    read(&changed(from, to)).unwrap_err().to_string()
}

fn function(name: &str) -> Function {
    let functions = read(EMBEDDED).unwrap().functions;
    functions.into_iter().find(|found| found.name == name).unwrap()
}

#[test]
fn a_function_is_named_by_the_last_folder_of_its_code() {
    let names: Vec<_> = read(EMBEDDED).unwrap().functions.into_iter().map(|found| found.name).collect();
    assert!(names.contains(&"webhook-receiver".to_owned()), "{names:?}");
    assert!(names.contains(&"site".to_owned()), "{names:?}");
}

#[test]
fn a_function_has_the_environment_of_all_functions_and_its_own() {
    let environment = function("attribution-api").environment;
    let text = |text: &str| Setting::Text(text.to_owned());
    assert_eq!(environment["TABLE_NAME"], text("crae-Table"));
    assert_eq!(environment["INDEX_LAG_SECONDS"], text("5"));
    assert_eq!(environment["RUNS_QUEUE_URL"], Setting::QueueUrl("crae-runs".to_owned()));
    assert_eq!((&environment["TENANT_RATE"], &environment["TENANT_BURST"]), (&text("2000"), &text("4000")));
    assert_eq!(environment.len(), 5);
}

#[test]
fn a_function_has_its_own_timeout_or_that_of_all_functions() {
    assert_eq!(function("attribution-executor").timeout, Duration::from_secs(300));
    assert_eq!(function("analytics-api").timeout, Duration::from_secs(28));
}

#[test]
fn parameters_have_their_defaults_unless_overridden() {
    let tenant = |parameters: &[(&str, &str)]| {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let template = Template::read(EMBEDDED, &parameters.collect())?;
        let receiver = template.functions.into_iter().find(|found| found.name == "webhook-receiver");
        Ok::<_, TemplateError>(receiver.unwrap().environment["DEFAULT_TENANT"].clone())
    };
    assert_eq!(tenant(&[]).unwrap(), Setting::Text(String::new()));
    assert_eq!(tenant(&[("DefaultTenant", "demo")]).unwrap(), Setting::Text("demo".to_owned()));
    let unknown = tenant(&[("DefaultTenent", "demo")]).unwrap_err().to_string();
    assert_eq!(unknown, "Parameters: nothing in the template is called DefaultTenent");
}

#[test]
fn every_kind_of_event_is_read() {
    let site = function("site").events;
    assert!(site.contains(&Event::HttpApi { method: "GET".to_owned(), path: "/health".to_owned() }));
    assert!(site.contains(&Event::HttpApi { method: "ANY".to_owned(), path: "$default".to_owned() }));
    let deliveries = Event::Sqs {
        queue: "crae-deliveries".to_owned(),
        batch_size: 100,
        window: Duration::from_secs(1),
        concurrency: 50,
    };
    assert_eq!(function("call-ingestor").events, [deliveries]);
    let changes = Event::Stream {
        batch_size: 1000,
        window: Duration::from_secs(30),
        filters: Pattern::parse(r#"{"dynamodb":{"Keys":{"sk":{"S":["INT"]}}}}"#).into_iter().collect(),
        retries: 20,
        on_failure: "crae-changes-dead-letters".to_owned(),
    };
    assert_eq!(function("rollup-projector").events, [changes]);
    let tick = Event::Schedule { every: Duration::from_secs(60) };
    assert_eq!(function("attribution-scheduler").events, [tick]);
}

#[test]
fn queues_name_their_dead_letter_queue() {
    let queues = read(EMBEDDED).unwrap().queues;
    let runs = queues.iter().find(|queue| queue.name == "crae-runs").unwrap();
    assert_eq!((runs.visibility_timeout_s, runs.retention_s), (1800, 345_600));
    let redrive = runs.redrive.as_ref().unwrap();
    assert_eq!(redrive.dead_letter_queue, "crae-runs-dead-letters");
    assert_eq!(redrive.max_receive_count, 5);
    assert!(queues.iter().any(|queue| queue.name == redrive.dead_letter_queue));
}

#[test]
fn the_table_has_its_keys_indexes_stream_and_expiry() {
    let table = read(EMBEDDED).unwrap().table;
    let key = |partition: &str, sort: &str| Key { partition: partition.to_owned(), sort: sort.to_owned() };
    assert_eq!(table.key, key("pk", "sk"));
    let names: Vec<_> = table.indexes.iter().map(|index| index.name.as_str()).collect();
    assert_eq!(names, ["timeline", "hour"]);
    assert_eq!(table.indexes[1].key, key("g2p", "g2s"));
    assert_eq!(table.indexes[0].includes, ["ch", "vn", "ag", "tm", "am", "cu", "ty", "ra", "ttl"]);
    assert_eq!(table.expires_by.as_deref(), Some("ttl"));
    assert_eq!(table.stream.as_deref(), Some("NEW_AND_OLD_IMAGES"));
}

#[test]
fn the_bucket_has_a_name_as_buckets_have_and_functions_are_told_it() {
    let bucket = read(EMBEDDED).unwrap().bucket;
    assert_eq!(bucket, "crae-archive");
    assert_eq!(function("call-ingestor").environment["ARCHIVE_BUCKET"], Setting::Text(bucket));
    let refused =
        refusal("      OwnershipControls:", "      WebsiteConfiguration: {}\n      OwnershipControls:");
    assert!(refused.ends_with("does not know the property WebsiteConfiguration"), "{refused}");
}

#[test]
fn the_gateway_lets_through_what_the_template_says() {
    let api = read(EMBEDDED).unwrap().api;
    assert_eq!((api.throttle_rate, api.throttle_burst), (10_000, 5_000));
}

#[test]
fn an_unknown_intrinsic_is_refused_by_name() {
    assert_eq!(
        refusal("TABLE_NAME: !Ref Table", "TABLE_NAME: !ImportValue Table"),
        "template.yaml.Globals.Function.Environment.Variables.TABLE_NAME: the local stack does not know the \
         intrinsic !ImportValue"
    );
    let long = refusal("TABLE_NAME: !Ref Table", "TABLE_NAME: { \"Fn::Join\": [\"\", [a, b]] }");
    assert!(long.ends_with("the local stack does not know the intrinsic Fn::Join"), "{long}");
    let long = refusal("RUNS_QUEUE_URL: !Ref RunsQueue", "RUNS_QUEUE_URL: { Ref: RunsQueue }");
    assert!(long.ends_with("the local stack does not know the intrinsic Ref"), "{long}");
}

#[test]
fn an_unknown_intrinsic_is_refused_even_where_nothing_is_read() {
    let refused = refusal("Value: !Ref Table", "Value: !Base64 Table");
    assert!(refused.ends_with("the local stack does not know the intrinsic !Base64"), "{refused}");
}

#[test]
fn an_unknown_type_is_refused_by_name() {
    let refused = refusal("AWS::SQS::QueuePolicy", "AWS::Kinesis::Stream");
    assert!(refused.ends_with("does not know the type AWS::Kinesis::Stream"), "{refused}");
    let refused = refusal("Type: ScheduleV2", "Type: CloudWatchEvent");
    assert!(refused.ends_with("does not know the type CloudWatchEvent"), "{refused}");
}

#[test]
fn an_unknown_property_is_refused_by_name() {
    for (known, unknown) in [
        ("BatchSize: 10\n", "BatchSize: 10\n            FilterCriteria: {}\n"),
        ("VisibilityTimeout: 180\n", "VisibilityTimeout: 180\n      FifoQueue: true\n"),
        ("Timeout: 300\n", "Timeout: 300\n      VpcConfig: {}\n"),
        ("Type: AWS::SQS::QueuePolicy\n", "Type: AWS::SQS::QueuePolicy\n    Condition: X\n"),
        ("Outputs:\n", "Conditions: {}\nOutputs:\n"),
    ] {
        let refused = refusal(known, unknown);
        assert!(refused.contains("does not know the property"), "{refused}");
    }
}

#[test]
fn a_name_that_nothing_bears_is_refused() {
    let refused = refusal("TABLE_NAME: !Ref Table", "TABLE_NAME: !Ref Tabel");
    assert!(refused.ends_with("nothing in the template is called Tabel"), "{refused}");
    let refused = refusal("Queue: !GetAtt RunsQueue.Arn", "Queue: !GetAtt Table.Arn");
    assert!(refused.ends_with("nothing in the template is called Table"), "{refused}");
    let refused = refusal("${AWS::StackName}-runs\"", "${Stack}-runs\"");
    assert!(refused.ends_with("nothing in the template is called Stack"), "{refused}");
}

#[test]
fn a_mapping_that_loses_partial_failures_is_refused() {
    let answers = "            FunctionResponseTypes: [ReportBatchItemFailures]\n";
    let without = EMBEDDED
        .match_indices(answers)
        .map(|(at, _)| [&EMBEDDED[..at], &EMBEDDED[at + answers.len()..]].concat());
    let refused: Vec<_> = without.map(|text| read(&text).unwrap_err().to_string()).collect();
    assert_eq!(refused.len(), 5);
    assert!(
        refused.iter().all(|refused| refused.ends_with("FunctionResponseTypes is missing")),
        "{refused:?}"
    );
}

#[test]
fn a_stream_is_the_tables_from_its_beginning_and_filtered_by_exact_texts() {
    for (known, other, problem) in [
        ("!GetAtt Table.StreamArn", "!GetAtt RunsQueue.Arn", "the stream of the table of this template"),
        ("StartingPosition: TRIM_HORIZON", "StartingPosition: LATEST", "so that no change is missed"),
        (r#"{"S":["INT"]}"#, r#"{"S":[{"prefix":"I"}]}"#, "a pattern of exact texts"),
        (
            "Destination: !GetAtt ChangesDeadLetters.Arn",
            "Destination: !GetAtt Table.Arn",
            "nothing in the template",
        ),
    ] {
        let refused = refusal(known, other);
        assert!(refused.contains(problem), "{refused}");
    }
}

#[test]
fn a_schedule_is_a_rate() {
    let read = |rate: &str| read(&changed("rate(1 minute)", rate));
    assert!(read("rate(2 hours)").is_ok());
    for wrong in ["cron(0 1 * * ? *)", "rate(0 minutes)", "rate(1 week)", "rate(5)"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_function_may_do_what_its_policy_names() {
    let policy = function("analytics-api").policy;
    let table = "arn:aws:dynamodb:us-east-1:000000000000:table/crae-Table";
    let may = |action: &str, resource: &str| {
        policy.iter().any(|statement| statement.allows(action, resource, Some("T#demo")))
    };
    assert!(may("dynamodb:GetItem", table));
    assert!(may("dynamodb:Query", &format!("{table}/index/hour")));
    assert!(!may("dynamodb:Query", &format!("{table}/index/other")));
    assert!(!may("dynamodb:PutItem", table));
    let runs = "arn:aws:sqs:us-east-1:000000000000:crae-runs";
    assert!(function("attribution-api").policy.iter().any(|statement| statement.allows(
        "sqs:SendMessage",
        runs,
        None
    )));
}

#[test]
fn a_function_may_write_only_the_partitions_that_its_policy_names() {
    let policy = function("identity-api").policy;
    let table = "arn:aws:dynamodb:us-east-1:000000000000:table/crae-Table";
    let may = |action: &str, partition: Option<&str>| {
        policy.iter().any(|statement| statement.allows(action, table, partition))
    };
    assert!(may("dynamodb:GetItem", None));
    assert!(
        may("dynamodb:PutItem", Some("T#demo#NODE#41")) && may("dynamodb:PutItem", Some("T#demo#ONCE#0"))
    );
    assert!(may("dynamodb:UpdateItem", Some("T#demo#RATE")));
    for partition in ["T#demo", "T#demo#INT#1", "T#demo#RATE", "KEY#T#x#NODE#1"] {
        assert!(!may("dynamodb:PutItem", Some(partition)), "{partition}");
    }
    assert!(!may("dynamodb:PutItem", None) && !may("dynamodb:UpdateItem", Some("T#demo#RATES")));
}

#[test]
fn a_policy_that_cannot_be_held_here_is_refused() {
    let denied = refusal("            - Effect: Allow", "            - Effect: Deny");
    assert!(denied.contains("should be Allow"), "{denied}");
    let all = refusal("Action: [dynamodb:GetItem, dynamodb:PutItem]", "Action: dynamodb:*");
    assert!(all.contains("should be one action by its whole name"), "{all}");
    let condition = refusal(
        "            - Effect: Allow",
        "            - Condition: { Bool: {} }\n              Effect: Allow",
    );
    assert!(condition.contains("does not know the property Bool"), "{condition}");
}
