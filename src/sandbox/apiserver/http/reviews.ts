/** "May I?" Everybody who has the token may do everything in the sandbox. */
import type { JsonObject } from '../json.ts';

const USER = { username: 'sandbox-admin', groups: ['system:masters', 'system:authenticated'] };

/** Answers SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview and SelfSubjectReview. */
export function review(plural: string, body: JsonObject): JsonObject | undefined {
  switch (plural) {
    case 'selfsubjectaccessreviews':
    case 'subjectaccessreviews':
      return { ...body, status: { allowed: true } };
    case 'selfsubjectrulesreviews': {
      const resourceRules = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }];
      return {
        ...body,
        status: { resourceRules, nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }], incomplete: false },
      };
    }
    case 'selfsubjectreviews':
      return { ...body, status: { userInfo: USER } };
    default:
      return undefined;
  }
}
