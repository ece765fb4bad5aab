//! Templates that are read without an error.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use xray_local_template::{
    Api, ApiKind, Cors, Function, Route, StackContext, Template, load, parse,
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/templates")
}

fn items(context: &StackContext) -> Template {
    load(&fixtures().join("items.yaml"), context).expect("the fixture is valid")
}

fn read(text: &str) -> Template {
    parse(Path::new("t.yaml"), text, &StackContext::default()).expect("the template is valid")
}

fn function<'t>(template: &'t Template, id: &str) -> &'t Function {
    template
        .functions
        .iter()
        .find(|function| function.logical_id == id)
        .expect("the function exists")
}

fn route(api: &str, method: &str, path: &str, format: &str) -> Route {
    Route {
        api: api.into(),
        method: method.into(),
        path: path.into(),
        payload_format: format.into(),
    }
}

#[test]
fn globals_are_merged_as_sam_merges_them() {
    let template = items(&StackContext::default());
    let items = function(&template, "ItemsFunction");
    assert_eq!(items.timeout, Duration::from_secs(7));
    assert_eq!(items.runtime, "provided.al2023");
    assert_eq!(items.memory_mb, 256);
    assert!(items.active_tracing);
    assert_eq!(
        items.layers,
        [
            "arn:aws:lambda:us-east-1:111122223333:layer:other:4",
            "LayerX86"
        ]
    );
    assert_eq!(items.environment["SHARED"], "own");
    assert_eq!(items.environment["TABLE_NAME"], "local-ItemsTable");
    let reports = function(&template, "ReportsFunction");
    assert_eq!(reports.timeout, Duration::from_secs(30));
    assert!(!reports.active_tracing);
    assert_eq!(reports.environment["SHARED"], "global");
}

#[test]
fn a_resource_can_ignore_globals() {
    let template = read(
        "Transform: AWS::Serverless-2016-10-31
Globals:
  Function: { Timeout: 9, MemorySize: 512, Runtime: provided.al2023, Handler: h }
Resources:
  One:
    Type: AWS::Serverless::Function
    IgnoreGlobals: [Timeout]
  All:
    Type: AWS::Serverless::Function
    IgnoreGlobals: '*'
    Properties: { Runtime: provided.al2023, Handler: h }
  Nothing:
    Type: AWS::Serverless::Function
    IgnoreGlobals:
",
    );
    let settings = |id| {
        let function = function(&template, id);
        (function.timeout.as_secs(), function.memory_mb)
    };
    assert_eq!(settings("One"), (3, 512));
    assert_eq!(settings("All"), (3, 128));
    assert_eq!(settings("Nothing"), (9, 512));
}

#[test]
fn intrinsic_functions_are_evaluated() {
    let template = items(&StackContext {
        stack_name: "my-stack".to_owned(),
        ..StackContext::default()
    });
    let environment = &function(&template, "ItemsFunction").environment;
    assert_eq!(
        environment["ARN"],
        "arn:aws:dynamodb:us-east-1:123456789012:table/my-stack-ItemsTable"
    );
    assert_eq!(environment["REPORTS"], "my-stack-reports");
    assert_eq!(
        environment["URL"],
        "https://DemoApi.execute-api.us-east-1.amazonaws.com/v1"
    );
    assert_eq!(environment["LITERAL"], "${Kept} v1");
    assert_eq!(environment["FIRST"], "my");
    assert_eq!(
        environment["ORIGINS"],
        "https://a.example https://b.example"
    );
    assert_eq!(environment["VERSION"], "1.10");
    assert_eq!(environment["DEBUG"], "true");
    assert_eq!(environment["STAGE"], "v1");
    assert!(!environment.contains_key("GONE"));
}

#[test]
fn base64_uses_the_standard_alphabet_with_padding() {
    let template = read(
        "Resources:
  F:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Environment:
        Variables: { EMPTY: !Base64 '', ONE: !Base64 f, TWO: !Base64 fo, SIX: !Base64 foobar }
",
    );
    let environment = &template.functions[0].environment;
    let encoded = ["EMPTY", "ONE", "TWO", "SIX"].map(|name| environment[name].as_str());
    assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9vYmFy"]);
}

#[test]
fn parameters_decide_conditions_and_mappings() {
    let mut context = StackContext::default();
    context
        .parameter_overrides
        .insert("Architecture".to_owned(), "arm64".to_owned());
    let template = items(&context);
    let items = function(&template, "ItemsFunction");
    assert_eq!(items.architecture, "arm64");
    assert_eq!(items.memory_mb, 512);
    assert_eq!(items.layers[1], "LayerArm64");
    assert_eq!(template.layers.len(), 1);
    assert_eq!(
        template.layers[0].content_uri,
        fixtures().join("dist/layer-arm64")
    );
}

#[test]
fn each_value_of_a_list_parameter_must_be_allowed() {
    let template = read(
        "Parameters:
  Zones: { Type: CommaDelimitedList, AllowedValues: [a, b, c], Default: 'a, c' }
Resources:
  F:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Environment: { Variables: { ZONES: !Join ['+', !Ref Zones] } }
",
    );
    assert_eq!(template.functions[0].environment["ZONES"], "a+c");
}

#[test]
fn an_ssm_parameter_has_its_name_as_the_value_with_a_note() {
    let text = "Parameters:
  Image: { Type: 'AWS::SSM::Parameter::Value<String>', Default: /images/latest }
  Zones: { Type: 'AWS::SSM::Parameter::Value<List<String>>', Default: /zones }
Resources:
  F:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Environment: { Variables: { IMAGE: !Ref Image, ZONES: !Join ['+', !Ref Zones] } }
";
    let template = read(text);
    let environment = &template.functions[0].environment;
    assert_eq!(environment["IMAGE"], "/images/latest");
    assert_eq!(environment["ZONES"], "/zones");
    assert_eq!(
        template.notes[0],
        "t.yaml:2:3: parameter 'Image' has the name '/images/latest' as its value, because no \
         parameter store is read locally; set the value with --parameter-overrides Image=VALUE"
    );
    assert_eq!(template.notes.len(), 2, "{:?}", template.notes);

    let mut context = StackContext::default();
    for (name, value) in [("Image", "i-1"), ("Zones", "a,b")] {
        context
            .parameter_overrides
            .insert(name.to_owned(), value.to_owned());
    }
    let template = parse(Path::new("t.yaml"), text, &context).expect("the template is valid");
    let environment = &template.functions[0].environment;
    assert_eq!(environment["IMAGE"], "i-1");
    assert_eq!(environment["ZONES"], "a+b");
    assert_eq!(template.notes, [""; 0]);
}

#[test]
fn paths_are_relative_to_the_template() {
    let template = items(&StackContext::default());
    let items = function(&template, "ItemsFunction");
    assert_eq!(items.code_uri, fixtures().join("examples/demo-api"));
    assert_eq!(items.build_method.as_deref(), Some("rust-cargolambda"));
    assert_eq!(items.binary.as_deref(), Some("items"));
}

#[test]
fn api_events_become_routes_and_others_notes() {
    let template = items(&StackContext::default());
    assert_eq!(
        function(&template, "ItemsFunction").routes,
        [
            route("DemoApi", "POST", "/items", "1.0"),
            route("DemoApi", "GET", "/items/{pk}", "1.0"),
            route("ServerlessRestApi", "ANY", "/any/{proxy+}", "1.0"),
        ]
    );
    assert_eq!(
        function(&template, "ReportsFunction").routes,
        [
            route("ServerlessHttpApi", "ANY", "$default", "2.0"),
            route("ServerlessHttpApi", "GET", "/one", "1.0")
        ]
    );
    let notes = template.notes.join("\n");
    assert!(
        notes.contains("ItemsFunction.Events.Nightly: Schedule events"),
        "{notes}"
    );
    assert!(notes.contains("ImageFunction is skipped"), "{notes}");
    assert!(
        notes.contains("Topic (AWS::SNS::Topic) has no effect locally"),
        "{notes}"
    );
    assert!(
        notes.lines().all(|note| note.contains("items.yaml:")),
        "{notes}"
    );
}

#[test]
fn functions_in_events_are_evaluated() {
    let template = read(
        "Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Conditions:
  Always: !Equals [a, a]
  Never: !Equals [a, b]
Globals:
  Function: { Runtime: provided.al2023, Handler: h }
Resources:
  A:
    Type: AWS::Serverless::Function
    Properties:
      Events: !If
        - Always
        - Get: { Type: Api, Properties: { Path: /a, Method: get } }
        - !Ref AWS::NoValue
  B:
    Type: AWS::Serverless::Function
    Properties:
      Events: !Ref AWS::NoValue
  C:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Get: !If [Never, { Type: Api, Properties: { Path: /c, Method: get } }, !Ref AWS::NoValue]
        Post:
          Type: !If [Always, HttpApi, Api]
          Properties: !If [Always, { Path: /c, Method: post }, { Path: /d, Method: post }]
        Queue: { Type: SQS, Properties: { Queue: !ImportValue queue } }
",
    );
    let routes = |id| &function(&template, id).routes;
    assert_eq!(
        *routes("A"),
        [route("ServerlessRestApi", "GET", "/a", "1.0")]
    );
    assert_eq!(*routes("B"), []);
    assert_eq!(
        *routes("C"),
        [route("ServerlessHttpApi", "POST", "/c", "2.0")]
    );
    let notes = template.notes.join("\n");
    assert!(notes.contains("C.Events.Queue: SQS events"), "{notes}");
    assert_eq!(template.notes.len(), 1, "{notes}");
}

#[test]
fn empty_metadata_is_absent() {
    let template = read(
        "Resources:
  F:
    Type: AWS::Lambda::Function
    Metadata: { BuildMethod: , BuildProperties: { Binary: } }
    Properties: { Runtime: provided.al2023, Handler: bootstrap }
",
    );
    let function = &template.functions[0];
    assert_eq!((&function.build_method, &function.binary), (&None, &None));
}

#[test]
fn metadata_that_a_function_chooses_is_read() {
    let template = read(
        "Conditions: { Always: !Equals [a, a] }
Resources:
  F:
    Type: AWS::Lambda::Function
    Metadata: !If [Always, { BuildMethod: makefile }, { BuildMethod: other }]
    Properties: { Runtime: provided.al2023, Handler: bootstrap }
",
    );
    let function = &template.functions[0];
    assert_eq!(function.build_method.as_deref(), Some("makefile"));
}

#[test]
fn a_property_without_a_value_is_absent() {
    let template = read(
        "Transform: AWS::Serverless-2016-10-31
Conditions: { Never: !Equals [a, b] }
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      InlineCode: !If [Never, x, !Ref AWS::NoValue]
      SnapStart:
      Events: { Get: { Type: Api, Properties: { Path: /a, Method: get, Auth: !Ref AWS::NoValue } } }
  T:
    Type: AWS::Serverless::SimpleTable
    Properties: { ProvisionedThroughput: !Ref AWS::NoValue }
",
    );
    assert_eq!(template.functions.len(), 1, "{:?}", template.notes);
    assert_eq!(
        template.tables[0].create_table["BillingMode"],
        "PAY_PER_REQUEST"
    );
    assert_eq!(template.notes, [""; 0]);
}

#[test]
fn implicit_apis_are_created_for_the_routes_that_use_them() {
    let template = items(&StackContext::default());
    let api = |id: &str, name: &str, kind, stage: &str, tracing| Api {
        logical_id: id.into(),
        name: name.into(),
        kind,
        stage: stage.into(),
        tracing,
        cors: None,
    };
    assert_eq!(
        template.apis,
        [
            api("DemoApi", "demo", ApiKind::Rest, "v1", true),
            api("ServerlessRestApi", "local", ApiKind::Rest, "Prod", true),
            api(
                "ServerlessHttpApi",
                "local",
                ApiKind::Http,
                "$default",
                false
            ),
        ]
    );
}

#[test]
fn tables_become_create_table_requests() {
    let template = items(&StackContext::default());
    assert_eq!(
        template.tables[0].create_table,
        json!({
            "TableName": "local-ItemsTable",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                { "AttributeName": "pk", "AttributeType": "S" },
                { "AttributeName": "tenant", "AttributeType": "S" },
            ],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            "GlobalSecondaryIndexes": [{
                "IndexName": "by-tenant",
                "KeySchema": [{ "AttributeName": "tenant", "KeyType": "HASH" }],
                "Projection": { "ProjectionType": "ALL" },
            }],
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" },
        })
    );
    assert_eq!(
        template.tables[1].create_table,
        json!({
            "TableName": "plain",
            "BillingMode": "PROVISIONED",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "ProvisionedThroughput": { "ReadCapacityUnits": 5, "WriteCapacityUnits": 6 },
        })
    );
}

#[test]
fn a_json_template_is_read_too() {
    let template = read(
        r#"{
  "Transform": "AWS::Serverless-2016-10-31",
  "Resources": {
    "F": {
	    "Type": "AWS::Serverless::Function",
      "Properties": {
        "Runtime": "provided.al2023", "Handler": "h", "CodeUri": "src",
        "Environment": {"Variables": {
          "NAME": {"Fn::Sub": "a\/${AWS::Region}"}, "FACE": "\ud83d\ude00", "LETTER": "\u00e9",
          "TABLE": {"Fn::GetAtt": ["T", "Arn"]}
        }}
      }
    },
    "T": {"Type": "AWS::Serverless::SimpleTable"}
  }
}"#,
    );
    let environment = &template.functions[0].environment;
    assert_eq!(environment["NAME"], "a/us-east-1");
    assert_eq!(environment["FACE"], "😀");
    assert_eq!(environment["LETTER"], "é");
    assert_eq!(
        environment["TABLE"],
        "arn:aws:dynamodb:us-east-1:123456789012:table/local-T"
    );
}

#[test]
fn anchors_and_merge_keys_are_followed() {
    let template = read(
        "Transform: AWS::Serverless-2016-10-31
Resources:
  A:
    Type: AWS::Serverless::Function
    Properties: &shared { Runtime: provided.al2023, Handler: h, CodeUri: a, Timeout: 9 }
  B:
    Type: AWS::Serverless::Function
    Properties:
      <<: *shared
      CodeUri: b
",
    );
    assert_eq!(template.functions[1].timeout, Duration::from_secs(9));
    assert!(template.functions[1].code_uri.ends_with("b"));
}

#[test]
fn a_plain_lambda_function_is_read() {
    let template = read(
        "Resources:
  F:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Role: arn:aws:iam::123456789012:role/r
      Code: build/f
      TracingConfig: { Mode: Active }
",
    );
    let function = &template.functions[0];
    assert!(function.active_tracing && function.code_uri.ends_with("build/f"));
    assert_eq!(template.notes, [""; 0]);
}

#[test]
fn a_property_that_is_not_used_may_depend_on_another_stack() {
    let template = read(
        "Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      VpcConfig: { SubnetIds: !Split [',', !ImportValue subnets] }
",
    );
    assert_eq!(template.functions.len(), 1);
}

/// The CORS of the template's only API.
fn cors_of(text: &str) -> Option<Cors> {
    let template = read(text);
    assert_eq!(template.apis.len(), 1);
    template.apis[0].cors.clone()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn the_cors_of_a_rest_api_is_an_origin_or_a_mapping() {
    let api = |cors: &str| {
        format!(
            "Resources: {{ A: {{ Type: AWS::Serverless::Api, Properties: {{ StageName: v1, {cors} }} }} }}"
        )
    };
    assert_eq!(cors_of(&api("Name: a")), None);
    let any = Cors {
        allow_origins: vec!["*".to_owned()],
        ..Cors::default()
    };
    assert_eq!(cors_of(&api("Cors: \"'*'\"")), Some(any.clone()));
    // As in SAM, every origin is allowed if a mapping names none.
    assert_eq!(
        cors_of(&api("Cors: { AllowMethods: \"'GET,POST'\" }")),
        Some(Cors {
            allow_methods: text("GET,POST"),
            ..any
        })
    );
    let all = "Cors: { AllowOrigin: !Sub \"'https://${AWS::StackName}.example'\", \
               AllowHeaders: \"'a,b'\", MaxAge: \"'600'\", AllowCredentials: true }";
    assert_eq!(
        cors_of(&api(all)),
        Some(Cors {
            allow_origins: vec!["https://local.example".to_owned()],
            allow_headers: text("a,b"),
            max_age: text("600"),
            allow_credentials: true,
            ..Cors::default()
        })
    );
}

#[test]
fn the_cors_of_an_http_api_is_true_or_a_mapping() {
    for kind in ["AWS::Serverless::HttpApi", "AWS::ApiGatewayV2::Api"] {
        let api = |cors: &str| {
            format!(
                "Resources: {{ A: {{ Type: {kind}, Properties: {{ CorsConfiguration: {cors} }} }} }}"
            )
        };
        assert_eq!(cors_of(&api("false")), None);
        assert_eq!(
            cors_of(&api("true")),
            Some(Cors {
                allow_origins: vec!["*".to_owned()],
                ..Cors::default()
            })
        );
        let all = "{ AllowOrigins: ['https://*', 'http://a.example'], AllowMethods: [GET, '*'], \
                   AllowHeaders: [a, b], ExposeHeaders: [c], MaxAge: -1, AllowCredentials: true }";
        assert_eq!(
            cors_of(&api(all)),
            Some(Cors {
                allow_origins: vec!["https://*".to_owned(), "http://a.example".to_owned()],
                allow_methods: text("GET,*"),
                allow_headers: text("a,b"),
                expose_headers: text("c"),
                max_age: text("-1"),
                allow_credentials: true,
            })
        );
    }
}

#[test]
fn the_cors_of_globals_applies_to_the_implicit_apis() {
    let template = read(
        "Transform: AWS::Serverless-2016-10-31
Globals:
  Api: { Cors: { AllowOrigin: \"'https://a.example'\" } }
  HttpApi: { CorsConfiguration: { AllowOrigins: ['https://b.example'] } }
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Events:
        A: { Type: Api, Properties: { Path: /, Method: GET } }
        B: { Type: HttpApi, Properties: { Path: /, Method: GET } }
",
    );
    let origins = template.apis.iter().map(|api| {
        let cors = api.cors.as_ref().expect("it has CORS");
        cors.allow_origins.join(" ")
    });
    let origins: Vec<_> = origins.collect();
    assert_eq!(origins, ["https://a.example", "https://b.example"]);
}

#[test]
fn the_templates_of_this_repository_can_be_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let demo = load(&root.join("template.yaml"), &StackContext::default())
        .expect("the demo's template is valid");
    let routes: Vec<_> = demo
        .functions
        .iter()
        .flat_map(|function| &function.routes)
        .cloned()
        .collect();
    assert_eq!(
        routes,
        [
            route("DemoApi", "POST", "/items", "1.0"),
            route("DemoApi", "GET", "/items/{pk}", "1.0"),
            route("DemoApi", "GET", "/reports/{pk}", "1.0"),
        ]
    );
    assert_eq!(
        function(&demo, "ItemsFunction").environment["TABLE_NAME"],
        demo.tables[0].name
    );
    assert_eq!(
        function(&demo, "ReportsFunction").layers,
        ["XRayLambdaLayerX86"]
    );
    assert!(
        demo.functions
            .iter()
            .all(|function| function.active_tracing)
    );
    assert!(demo.apis[0].tracing && demo.apis[0].stage == "Prod");
    assert_eq!(
        demo.notes, [""; 0],
        "every part of it has an effect locally"
    );

    let python = load(
        &root.join("examples/layer-only/template.yaml"),
        &StackContext::default(),
    );
    python.expect("the example's template is valid");
}
