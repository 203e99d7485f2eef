import { html, type Html, type PageLanguage } from '@sallyport/security-context/pages'
import type { FormProblem } from '../../accounts/passwords/refused-form.ts'

const ENGLISH = {
  logIn: 'Log in',
  toContinueTo: (application: Html): Html => html`to continue to ${application}`,
  username: 'User name',
  password: 'Password',
  allowAccess: 'Allow access?',
  asksToAct: (application: Html, person: Html): Html => html`${application} asks to act for you, ${person}, with:`,
  allow: 'Allow',
  deny: 'Deny',
  consentLasts: 'You can take this back at any time.',
  failed: 'That did not work',
  requestInvalid: 'The request is not valid.',
  unavailable: 'Something is not available at the moment. Try again later.',
  goBack: 'Go back to the application that you came from, and begin again there.',
  reference: 'Reference',
  logOutQuestion: 'Log out?',
  loggedInAs: (person: Html): Html =>
    html`You are logged in here as ${person}. Logging out ends what you began in this browser, in every application.`,
  asksForLogout: (application: Html): Html => html`${application} asks for it.`,
  meansAnother: 'It means somebody else, who was logged in there.',
  logOut: 'Log out',
  toStay: 'To stay logged in, close this page.',
  loggedOut: 'Logged out',
  notLoggedInAnyMore: 'You are not logged in in this browser any more.',
  changePassword: 'Change your password',
  forPerson: (person: Html): Html => html`for ${person}`,
  currentPassword: 'Current password',
  newPassword: 'New password',
  passwordRules: (minLength: number): string =>
    `At least ${minLength} characters; any characters count. Several words that do not belong together are good. Common passwords and your user name are refused.`,
  newPasswordAgain: 'New password again',
  changeIt: 'Change password',
  passwordChanged: 'Password changed',
  stillLoggedIn: 'You are still logged in in this browser, and in the applications that you use through it.',
  elsewhereLoggedOut: (ended: number): string =>
    `Everywhere else you are logged out: ${ended === 0 ? 'no other session was open' : ended === 1 ? 'one session has ended' : `${ended} sessions have ended`}.`,
  logInFirst: 'Log in first',
  notLoggedIn: 'You are not logged in in this browser. Log in to one of your applications, then open this page again.',
  applications: 'Applications that act for you',
  noApplications: 'You have allowed no application anything.',
  withdraw: 'Withdraw',
  withdrawn: (application: Html): Html =>
    html`${application} is not allowed anything any more. What it did through you has ended.`,
  credentialsMissing: 'Enter your user name and your password.',
  credentialsWrong: 'The user name or the password is wrong.',
  tooManyPeople: 'Too many people are logging in. Try again in a moment.',
  tooManyFailures: (seconds: number): string => `Too many failed logins. Try again in ${seconds} seconds.`,
  currentPasswordWrong: 'The current password is wrong.',
  passwordsMissing: 'Enter your current password, and the new one twice.',
  passwordsDiffer: 'The two new passwords are not the same.',
  passwordUnchanged: 'The new password is the current one.',
  passwordIllFormed: 'Choose another password: this one has a NUL or is not well-formed Unicode.',
  passwordTooLong: (most: number): string => `Choose another password: this one has more than ${most} characters.`,
  passwordTooShort: (least: number): string => `Choose another password: this one has fewer than ${least} characters.`,
  passwordHasName: 'Choose another password: this one contains the user name.',
  passwordCommon: 'Choose another password: this one is one of the most common ones, or little more.',
  passwordTrivial: 'Choose another password: this one is a sequence or a repetition.'
}

/** The words of the pages in one language. */
export type PageTexts = Readonly<typeof ENGLISH>

const KOREAN: PageTexts = {
  logIn: '로그인',
  toContinueTo: application => html`${application}에서 계속하려면 로그인하세요`,
  username: '사용자 이름',
  password: '비밀번호',
  allowAccess: '접근을 허용할까요?',
  asksToAct: (application, person) =>
    html`${application} 애플리케이션이 ${person} 님을 대신하여 다음 작업을 하도록 허용해 달라고 요청합니다.`,
  allow: '허용',
  deny: '거부',
  consentLasts: '언제든지 허용을 철회할 수 있습니다.',
  failed: '처리하지 못했습니다',
  requestInvalid: '올바르지 않은 요청입니다.',
  unavailable: '지금은 이용할 수 없습니다. 나중에 다시 시도하세요.',
  goBack: '이전 애플리케이션으로 돌아가서 처음부터 다시 시작하세요.',
  reference: '참조 번호',
  logOutQuestion: '로그아웃할까요?',
  loggedInAs: person =>
    html`${person} 님으로 로그인되어 있습니다. 로그아웃하면 이 브라우저에서 시작한 모든 애플리케이션의 세션이 종료됩니다.`,
  asksForLogout: application => html`${application} 애플리케이션이 로그아웃을 요청했습니다.`,
  meansAnother: '이 요청은 그곳에 로그인했던 다른 사용자에 대한 것입니다.',
  logOut: '로그아웃',
  toStay: '로그인 상태를 유지하려면 이 페이지를 닫으세요.',
  loggedOut: '로그아웃되었습니다',
  notLoggedInAnyMore: '이 브라우저에서 더 이상 로그인되어 있지 않습니다.',
  changePassword: '비밀번호 변경',
  forPerson: person => html`${person} 님의 비밀번호`,
  currentPassword: '현재 비밀번호',
  newPassword: '새 비밀번호',
  passwordRules: minLength =>
    `${minLength}자 이상이며 어떤 문자든 사용할 수 있습니다. 서로 관련 없는 여러 단어를 이어 쓰는 것이 좋습니다. 흔한 비밀번호와 사용자 이름은 사용할 수 없습니다.`,
  newPasswordAgain: '새 비밀번호 확인',
  changeIt: '비밀번호 변경',
  passwordChanged: '비밀번호가 변경되었습니다',
  stillLoggedIn: '이 브라우저와 이 브라우저에서 사용하는 애플리케이션에서는 로그인 상태가 유지됩니다.',
  elsewhereLoggedOut: ended =>
    `다른 모든 곳에서는 로그아웃되었습니다. ${ended === 0 ? '열려 있던 다른 세션은 없었습니다.' : `세션 ${ended}개가 종료되었습니다.`}`,
  logInFirst: '먼저 로그인하세요',
  notLoggedIn: '이 브라우저에서 로그인되어 있지 않습니다. 애플리케이션에 로그인한 다음 이 페이지를 다시 여세요.',
  applications: '회원님을 대신하는 애플리케이션',
  noApplications: '허용한 애플리케이션이 없습니다.',
  withdraw: '허용 철회',
  withdrawn: application =>
    html`${application} 애플리케이션에 대한 허용을 철회했습니다. 그 애플리케이션의 세션은 종료되었습니다.`,
  credentialsMissing: '사용자 이름과 비밀번호를 입력하세요.',
  credentialsWrong: '사용자 이름 또는 비밀번호가 올바르지 않습니다.',
  tooManyPeople: '로그인하는 사용자가 너무 많습니다. 잠시 후 다시 시도하세요.',
  tooManyFailures: seconds => `로그인에 실패한 횟수가 너무 많습니다. ${seconds}초 후에 다시 시도하세요.`,
  currentPasswordWrong: '현재 비밀번호가 올바르지 않습니다.',
  passwordsMissing: '현재 비밀번호를 입력하고 새 비밀번호를 두 번 입력하세요.',
  passwordsDiffer: '새 비밀번호 두 개가 서로 다릅니다.',
  passwordUnchanged: '새 비밀번호가 현재 비밀번호와 같습니다.',
  passwordIllFormed: '다른 비밀번호를 선택하세요. NUL 문자가 있거나 올바른 유니코드가 아닙니다.',
  passwordTooLong: most => `다른 비밀번호를 선택하세요. ${most}자보다 깁니다.`,
  passwordTooShort: least => `다른 비밀번호를 선택하세요. ${least}자보다 짧습니다.`,
  passwordHasName: '다른 비밀번호를 선택하세요. 사용자 이름이 들어 있습니다.',
  passwordCommon: '다른 비밀번호를 선택하세요. 가장 흔한 비밀번호이거나 그와 거의 같습니다.',
  passwordTrivial: '다른 비밀번호를 선택하세요. 연속되거나 반복되는 문자입니다.'
}

/** One table a language, with the same words in each. */
export const PAGE_TEXTS: Readonly<Record<PageLanguage, PageTexts>> = { en: ENGLISH, ko: KOREAN }

/** A name in a sentence of {@link PAGE_TEXTS}. */
export const emphasised = (name: string): Html => html`<strong>${name}</strong>`

/** What a form tells the person. */
export function problemText(texts: PageTexts, { name, amount = 0 }: FormProblem): string {
  const text = texts[name]
  return typeof text === 'string' ? text : text(amount)
}
