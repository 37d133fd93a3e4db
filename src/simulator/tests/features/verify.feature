# CAMARA Number Verification 2.1, number-verification-verify: its scenarios by their tags, in our words.
Feature: Is this the number of the SIM?

  Background:
    Given a phone on mobile data with the SIM "+990709999"

  @phone_number_verify_01_generic_success_scenario
  Scenario: A good request is answered in the agreed shape
    Given a token for verify
    When the SIM's own number is sent
    Then the status is 200
    And the answer is JSON and repeats the correlator
    And it holds a verdict and nothing else

  @phone_number_verify.02_validate_phone_number_success_true
  Scenario: The SIM's own number is confirmed
    Given a token for verify
    When the SIM's own number is sent
    Then the status is 200
    And the number is confirmed

  @phone_number_verify.03_validate_phone_number_success_false
  Scenario: Another number is not confirmed
    Given a token for verify
    When the number "+990708888" is sent
    Then the status is 200
    And the number is not confirmed

  @phone_number_verify.04_validate_hashed_phone_number_success_true
  Scenario: The hash of the SIM's own number is confirmed
    Given a token for verify
    When the hash of the number "+990709999" is sent
    Then the status is 200
    And the number is confirmed

  @phone_number_verify.05_validate_hashed_phone_number_success_false
  Scenario: The hash of another number is not confirmed
    Given a token for verify
    When the hash of the number "+990708888" is sent
    Then the status is 200
    And the number is not confirmed

  @phone_number_verify_400.1_no_request_body
  Scenario: A request without a body
    Given a token for verify
    When nothing is sent
    Then it is refused with 400 "INVALID_ARGUMENT"

  @phone_number_verify_400.2_empty_request_body
  Scenario: A request with an empty object
    Given a token for verify
    When the body {} is sent
    Then it is refused with 400 "INVALID_ARGUMENT"

  @phone_number_verify_400.3_invalid_request_non_existing_property
  Scenario: A request with a member that does not exist
    Given a token for verify
    When the body {"number": "+990709999"} is sent
    Then it is refused with 400 "INVALID_ARGUMENT"

  @phone_number_verify_400.4_both_phone_number_and_hashed_in_request
  Scenario: A request with the number and a hash
    Given a token for verify
    When the body {"phoneNumber": "+990709999", "hashedPhoneNumber": "6dd5d20f257c1f3620662454064e3aa25ba9a6c7a4d1e99e965bbadd3a7e07d6"} is sent
    Then it is refused with 400 "INVALID_ARGUMENT"

  @phone_number_verify_401.1_no_authorization_header
  Scenario: A request without a token
    Given no token
    When the SIM's own number is sent
    Then it is refused with 401 "UNAUTHENTICATED"

  @phone_number_verify_401.2_expired_access_token
  Scenario: A token whose time is over
    Given a token for verify
    And 301 seconds have passed
    When the SIM's own number is sent
    Then it is refused with 401 "UNAUTHENTICATED"

  @phone_number_verify_401.3_invalid_access_token
  Scenario: A token that nobody issued
    Given the token "garbage"
    When the SIM's own number is sent
    Then it is refused with 401 "UNAUTHENTICATED"

  @phoneNumberVerify_403.1_invalid_token_permissions
  Scenario: A token for the other call
    Given a token for share
    When the SIM's own number is sent
    Then it is refused with 403 "PERMISSION_DENIED"

  @phoneNumberVerify_403.2_not_authenticated_using_network_or_sim_based_authentication
  Scenario: A token that was not made by the mobile network
    Given a phone on mobile data with the SIM "+990703004"
    And a token for verify
    When the SIM's own number is sent
    Then it is refused with 403 "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK"

  @phone_number_verify_C02.01_phone_number_not_schema_compliant
  Scenario: A number that is none
    Given a token for verify
    When the number "123" is sent
    Then it is refused with 400 "INVALID_ARGUMENT"

  # The examples of the 2.0 set, and ours.
  @ours
  Scenario Outline: Bodies that do not fit
    Given a token for verify
    When the body <body> is sent
    Then it is refused with 400 "INVALID_ARGUMENT"

    Examples:
      | body                                       |
      | {"phoneNumber": "string_value"}            |
      | {"phoneNumber": "1234567890"}              |
      | {"phoneNumber": "+12334foo22222"}          |
      | {"phoneNumber": "+00012230304913849"}      |
      | {"phoneNumber": "++49565456787"}           |
      | {"phoneNumber": 990709999}                 |
      | {"phoneNumber": "+990709999", "x": 1}      |
      | {"hashedPhoneNumber": "32f67ab4"}          |
