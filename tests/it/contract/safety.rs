//! What linters of templates do not look for: data that outlives its stack, messages that cannot vanish, functions that
//! may do no more than they need.

use serde_yaml_ng::{Mapping, Value};

/// The resources of a type: their names and what is said of each.
fn resources(kind: &str) -> Vec<(String, Mapping)> {
    let template: Value = serde_yaml_ng::from_str(include_str!("../../../template.yaml")).unwrap();
    let resources = template["Resources"].as_mapping().unwrap().clone().into_iter();
    let of_kind = resources.filter(|(_, resource)| resource["Type"] == kind);
    let found: Vec<_> = of_kind
        .map(|(name, it)| (name.as_str().unwrap().to_owned(), it.as_mapping().unwrap().clone()))
        .collect();
    assert!(!found.is_empty(), "{kind}");
    found
}

/// What a `!GetAtt Name.Arn` or `!Ref Name` leads to.
fn leads_to(value: &Value) -> String {
    let text = if let Value::Tagged(tagged) = value { &tagged.value } else { value };
    text.as_str().unwrap_or_default().split('.').next().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    if let Value::Tagged(tagged) = value {
        return texts(&tagged.value);
    }
    match value.as_sequence() {
        Some(values) => values.iter().flat_map(texts).collect(),
        None => value.as_str().map(str::to_owned).into_iter().collect(),
    }
}

/// Every function's event of a type, with the function's name.
fn events(kind: &str) -> Vec<(String, Mapping)> {
    let functions = resources("AWS::Serverless::Function").into_iter();
    let events = functions.flat_map(|(name, function)| {
        let events = function["Properties"]["Events"].as_mapping().unwrap().clone().into_iter();
        events.map(move |(_, event)| (name.clone(), event.as_mapping().unwrap().clone()))
    });
    let found: Vec<_> = events.filter(|(_, event)| event["Type"] == kind).collect();
    assert!(!found.is_empty(), "{kind}");
    found
}

#[test]
fn what_customers_told_outlives_the_stack() {
    for kind in ["AWS::DynamoDB::Table", "AWS::S3::Bucket"] {
        for (name, resource) in resources(kind) {
            for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
                assert_eq!(resource[policy], "Retain", "{name}: {policy}");
            }
        }
    }
    for (name, table) in resources("AWS::DynamoDB::Table") {
        let said = &table["Properties"];
        assert_eq!(said["DeletionProtectionEnabled"], true, "{name}");
        assert_eq!(said["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true, "{name}");
        assert_eq!(said["BillingMode"], "PAY_PER_REQUEST", "{name} costs nothing while nothing happens");
    }
}

#[test]
fn a_batch_that_fails_in_part_comes_again_in_part() {
    for (name, event) in events("SQS").into_iter().chain(events("DynamoDB")) {
        let told = texts(&event["Properties"]["FunctionResponseTypes"]);
        assert_eq!(told, ["ReportBatchItemFailures"], "{name}");
    }
}

#[test]
fn every_queue_puts_aside_what_fails_and_keeps_it_for_two_weeks_where_an_alarm_sees_it() {
    let queues = resources("AWS::SQS::Queue");
    let alarms: Vec<_> = resources("AWS::CloudWatch::Alarm");
    let watched = |queue: &str| {
        let dimensions =
            alarms.iter().filter_map(|(_, alarm)| alarm["Properties"]["Dimensions"][0].as_mapping());
        dimensions.filter_map(|dimension| dimension.get("Value")).any(|value| leads_to(value) == queue)
    };
    for (name, queue) in &queues {
        let said = &queue["Properties"];
        assert_eq!(said["SqsManagedSseEnabled"], true, "{name}");
        if name.ends_with("DeadLetters") {
            assert_eq!(said["MessageRetentionPeriod"], 1_209_600, "{name}");
            assert!(watched(name), "no alarm watches {name}");
        } else {
            assert_eq!(said["RedrivePolicy"]["maxReceiveCount"], 5, "{name}");
            assert!(
                leads_to(&said["RedrivePolicy"]["deadLetterTargetArn"]).ends_with("DeadLetters"),
                "{name}"
            );
        }
    }
    let denied = resources("AWS::SQS::QueuePolicy");
    let denied = texts(&denied[0].1["Properties"]["Queues"]);
    let names: Vec<_> = queues.into_iter().map(|(name, _)| name).collect();
    assert_eq!(denied, names, "every queue asks for TLS");
}

#[test]
fn a_message_stays_hidden_for_six_times_as_long_as_its_function_may_take_and_batches_may_gather() {
    let template: Value = serde_yaml_ng::from_str(include_str!("../../../template.yaml")).unwrap();
    let (queues, functions) = (resources("AWS::SQS::Queue"), resources("AWS::Serverless::Function"));
    for (name, event) in events("SQS") {
        let queue = leads_to(&event["Properties"]["Queue"]);
        let hidden =
            &queues.iter().find(|(name, _)| *name == queue).unwrap().1["Properties"]["VisibilityTimeout"];
        let function = &functions.iter().find(|(found, _)| *found == name).unwrap().1;
        let takes = function["Properties"]["Timeout"].as_u64().unwrap();
        let gathers = event["Properties"].get("MaximumBatchingWindowInSeconds").map_or(0, |window| {
            template["Parameters"][leads_to(window).as_str()]["MaxValue"].as_u64().unwrap()
        });
        assert!(hidden.as_u64().unwrap() >= 6 * takes + gathers, "{name}: {hidden:?} s for {takes} s");
    }
}

#[test]
fn nobody_takes_a_worker_to_be_at_its_task_for_less_than_it_may_be() {
    let functions = resources("AWS::Serverless::Function");
    let executor = &functions.iter().find(|(name, _)| name == "AttributionExecutor").unwrap().1;
    let takes = executor["Properties"]["Timeout"].as_i64().unwrap();
    assert!(takes * domain::time::SECOND_MS <= domain::run::MOST_WORK_MS);
}

#[test]
fn a_function_may_do_single_things_to_single_resources() {
    for (name, function) in resources("AWS::Serverless::Function") {
        for policy in function["Properties"]["Policies"].as_sequence().unwrap() {
            for statement in policy["Statement"].as_sequence().unwrap() {
                for action in texts(&statement["Action"]) {
                    assert!(!action.contains('*'), "{name} may {action}");
                    assert!(!action.ends_with(":Scan"), "{name} may {action}");
                }
                for resource in texts(&statement["Resource"]) {
                    assert!(resource != "*" && !resource.contains(":*"), "{name} reaches {resource}");
                }
            }
        }
    }
}

#[test]
fn only_the_scheduler_and_the_executor_may_delete() {
    for (name, function) in resources("AWS::Serverless::Function") {
        let policies = function["Properties"]["Policies"].as_sequence().unwrap();
        let statements = policies.iter().flat_map(|policy| policy["Statement"].as_sequence().unwrap());
        let deletes = statements.flat_map(|statement| texts(&statement["Action"]));
        let deletes = deletes.filter(|action| action.contains("Delete")).count() > 0;
        assert_eq!(deletes, name == "AttributionExecutor" || name == "AttributionScheduler", "{name}");
    }
}

#[test]
fn logs_end_and_every_function_has_its_own() {
    for (name, group) in resources("AWS::Logs::LogGroup") {
        assert_eq!(leads_to(&group["Properties"]["RetentionInDays"]), "LogRetentionDays", "{name}");
    }
    for (name, function) in resources("AWS::Serverless::Function") {
        assert_eq!(leads_to(&function["Properties"]["LoggingConfig"]["LogGroup"]), format!("{name}Logs"));
    }
}

#[test]
fn consumers_are_bounded_so_that_none_starves_the_rest_of_the_account() {
    for (name, event) in events("SQS") {
        let most = &event["Properties"]["ScalingConfig"]["MaximumConcurrency"];
        assert!(leads_to(most).ends_with("Concurrency"), "{name}");
    }
}
