use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let host = runtime::start();
    let app = dead_letter_keeper::App::connect(&host)?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(dead_letter_keeper::handle(app.clone(), event.payload).await)
    }))
    .await
}
