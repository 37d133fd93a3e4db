# CAMARA Number Verification 2.1, number-verification-share: its scenarios by their tags, in our words.
# Three of its tags are those of the other file.
Feature: Which number has the SIM?

  Background:
    Given a phone on mobile data with the SIM "+990709999"

  @phone_number_share_01_generic_success_scenario
  Scenario: A good request is answered in the agreed shape
    Given a token for share
    When the SIM's number is asked for
    Then the status is 200
    And the answer is JSON and repeats the correlator
    And it holds a number and nothing else

  @phone_number_share_02_success_scenario
  Scenario: The number is the SIM's own
    Given a token for share
    When the SIM's number is asked for
    Then the status is 200
    And the number told is "+990709999"

  @phone_number_verify_401.1_no_authorization_header
  Scenario: A request without a token
    Given no token
    When the SIM's number is asked for
    Then it is refused with 401 "UNAUTHENTICATED"

  @phone_number_verify_401.2_expired_access_token
  Scenario: A token whose time is over
    Given a token for share
    And 301 seconds have passed
    When the SIM's number is asked for
    Then it is refused with 401 "UNAUTHENTICATED"

  @phone_number_verify_401.3_invalid_access_token
  Scenario: A token that nobody issued
    Given the token "garbage"
    When the SIM's number is asked for
    Then it is refused with 401 "UNAUTHENTICATED"

  @phoneNumberShare_403.1_invalid_token_permissions
  Scenario: A token for the other call
    Given a token for verify
    When the SIM's number is asked for
    Then it is refused with 403 "PERMISSION_DENIED"

  @phoneNumberShare_403.2_not_authenticated_using_network_or_sim_based_authentication
  Scenario: A token that was not made by the mobile network
    Given a phone on mobile data with the SIM "+990703004"
    And a token for share
    When the SIM's number is asked for
    Then it is refused with 403 "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK"
